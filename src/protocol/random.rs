//! Numbers that follow from a seed: one seed, one sequence.
//! Knows: the seed handed in. Must not: draw entropy, or be used where a secret is needed.

/// SplitMix64 (Steele, Lea, Flood 2014): every value comes once in 2^64.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// 0 to `most`, both included.
    pub fn up_to(&mut self, most: u64) -> u64 {
        self.draw() % most.saturating_add(1).max(1)
    }
}

/// Spreads a number over all 64 bits, the same way each time.
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
