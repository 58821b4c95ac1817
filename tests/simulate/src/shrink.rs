//! Makes a scenario that fails smaller: whatever can be left out without the finding going away is left out.

use crate::play::play;
use crate::scenario::{Scenario, Without};
use std::collections::BTreeSet;

/// How often a scenario is played at most to make it smaller.
const PLAYS_MAX: usize = 300;

/// A scenario with less in it that is found wrong by the same checker.
#[must_use]
pub fn shrink(scenario: &Scenario) -> Scenario {
    let Some(checker) = found(scenario) else { return scenario.clone() };
    let mut plays = PLAYS_MAX;
    let mut fails = |without: &Without| {
        plays = plays.saturating_sub(1);
        plays > 0 && found(&scenario.without(without.clone())).as_ref() == Some(&checker)
    };
    let mut least = scenario.without.clone();
    leave_out(scenario.harms.len(), &mut least, |without| &mut without.harms, &mut fails);
    leave_out(scenario.acts.len(), &mut least, |without| &mut without.acts, &mut fails);
    leave_out(scenario.harms.len(), &mut least, |without| &mut without.harms, &mut fails);
    scenario.without(least)
}

/// The checker that finds something first.
fn found(scenario: &Scenario) -> Option<String> {
    let found = play(scenario).findings;
    found.first().and_then(|found| found.split(':').next()).map(str::to_owned)
}

/// Leaves out half of what is there, then quarters, and so on down to one by one.
fn leave_out(
    count: usize,
    least: &mut Without,
    of: impl Fn(&mut Without) -> &mut BTreeSet<usize>,
    fails: &mut impl FnMut(&Without) -> bool,
) {
    let mut size = count.div_ceil(2);
    while size > 0 {
        let left: Vec<usize> = (0..count).filter(|at| !of(least).contains(at)).collect();
        for some in left.chunks(size) {
            let mut less = least.clone();
            of(&mut less).extend(some);
            if fails(&less) {
                *least = less;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
}

#[cfg(test)]
mod tests {
    use super::leave_out;
    use crate::scenario::Without;

    #[test]
    fn only_what_the_finding_needs_is_left() {
        let mut least = Without::default();
        let mut needs =
            |without: &Without| !without.harms.contains(&3) && !without.harms.contains(&8);
        leave_out(10, &mut least, |without| &mut without.harms, &mut needs);
        assert_eq!(least.harms, [0, 1, 2, 4, 5, 6, 7, 9].into());
    }
}
