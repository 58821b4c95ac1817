//! Dice: numbers that look random (SplitMix64), the same for the same seed.

/// Dice that were given a seed.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number from 0 up to, not including, `sides`.
    pub const fn roll(&mut self, sides: u64) -> u64 {
        self.next() % sides
    }

    /// Whether one of so many falls.
    pub const fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    /// One of these.
    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        let at = usize::try_from(self.roll(of.len() as u64)).unwrap_or(0);
        of[at].clone()
    }
}

/// Mixes the bits of a number.
const fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A digest of bytes that goes on from another (FNV-1a).
#[must_use]
pub fn digest(from: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(from, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Dice that depend on a seed and on what they are about, whenever they are thrown.
#[must_use]
pub fn about(seed: u64, what: &str) -> Dice {
    Dice::new(digest(seed ^ 0xcbf2_9ce4_8422_2325, what.as_bytes()))
}
