//! Branches and tags, derived from the entropy handed in.
//! Knows: one seed. Must not: draw entropy.

use super::super::values::Via;
use super::super::{HeaderName, Request};
use super::key;

/// SplitMix64 (Steele, Lea, Flood 2014): every value comes once in 2^64, so no branch is used twice.
#[derive(Debug, Clone)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// A branch of ours, with the cookie (RFC 3261 8.1.1.7).
    pub fn branch(&mut self) -> String {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        format!("z9hG4bK{:016x}", mix(self.state))
    }
}

/// The To tag of answers that nobody keeps: the same for every copy of the request (RFC 3261 8.2.7).
pub(super) fn tag(seed: u64, request: &Request) -> String {
    let branch = Via::top(&request.headers).and_then(|via| via.branch().map(str::to_owned)).unwrap_or_default();
    let parts = [key::call_id(request), key::tag(request, &HeaderName::From), branch];
    let hash = parts.iter().fold(mix(!seed), |hash, part| {
        // FNV-1a over each part, mixed in between so that the parts cannot run into each other
        mix(part.bytes().fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)))
    });
    format!("{hash:016x}")
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
