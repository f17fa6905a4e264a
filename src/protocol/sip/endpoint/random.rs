//! Branches and tags, derived from the entropy handed in.
//! Knows: one seed. Must not: draw entropy.

use super::super::values::Via;
use super::super::{HeaderName, Request};
use super::key;
use crate::protocol::random::{Random, mix};

/// A branch of ours, with the cookie (RFC 3261 8.1.1.7).
pub(super) fn branch(random: &mut Random) -> String {
    format!("z9hG4bK{:016x}", random.draw())
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
