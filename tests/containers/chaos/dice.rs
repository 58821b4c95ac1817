//! Dice that fall the same way for the same seed.

use ballet::id::derived;
use std::time::Duration;

/// Numbers drawn from a seed (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The dice of a seed for one purpose, as `faults`. What is drawn for one changes no other.
    pub(super) fn of(seed: u64, purpose: &str) -> Self {
        let (high, _) = derived(&["chaos", &seed.to_string(), purpose]).as_u64_pair();
        Self(high)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `sides`.
    pub(super) fn below(&mut self, sides: u64) -> u64 {
        self.next() % sides.max(1)
    }

    /// Whether it is one of so many cases in a hundred.
    pub(super) fn is_one_in_hundred(&mut self, cases: u64) -> bool {
        self.below(100) < cases
    }

    /// A while between two lengths in milliseconds.
    pub(super) fn between(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(least + self.below(most - least + 1))
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        let sides = u64::try_from(all.len()).expect("it is small");
        all[usize::try_from(self.below(sides)).expect("it is small")]
    }

    /// One of these, each as likely as its weight says.
    pub(super) fn weigh<T: Copy>(&mut self, all: &[(u64, T)]) -> T {
        let mut left = self.below(all.iter().map(|(weight, _)| weight).sum());
        for (weight, one) in all {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return *one,
            }
        }
        all[all.len() - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_same_seed_falls_the_same_way_and_another_does_not() {
        let drawn = |seed, purpose| {
            let mut dice = Dice::of(seed, purpose);
            [0; 8].map(|_| dice.below(1_000))
        };
        assert_eq!(drawn(1, "faults"), drawn(1, "faults"));
        assert_ne!(drawn(1, "faults"), drawn(2, "faults"));
        assert_ne!(drawn(1, "faults"), drawn(1, "orders"));
    }

    #[test]
    fn what_weighs_more_is_drawn_more_often_and_what_weighs_nothing_never() {
        let mut dice = Dice::of(1, "weights");
        let drawn: Vec<char> =
            (0..1_000).map(|_| dice.weigh(&[(9, 'a'), (1, 'b'), (0, 'c')])).collect();
        let count = |one| drawn.iter().filter(|drawn| **drawn == one).count();
        assert!(count('a') > 800 && count('b') > 50 && count('c') == 0, "{}", count('a'));
    }
}
