//! Effects: each step takes effect once, or not at all, whatever was tried how often (I1, I2, I3, I13).

use crate::history::{History, Run};
use ballet::saga::decide::{Progress, State};
use ballet::saga::journal::{End, Verb, What};
use ballet::saga::{Head, Shape};

/// What must be true.
pub const LAW: &str = "A completed run has done each of its steps once, a compensated one leaves nothing, and no \
                       step is done twice or taken back twice in a row.";

/// Goes through what participants and the outside say was done, and through the runs.
#[must_use]
pub fn check(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for (pair, done) in &history.tally {
        let mut net = 0;
        for change in done {
            net += change;
            if !(0..=1).contains(&net) {
                found.push(format!("`{pair}` was done and taken back as {done:?}"));
                break;
            }
        }
    }
    for run in history.runs.iter().filter(|run| !is_by_hand(run)) {
        if let (Some(shape), Some(end)) = (history.shape(run), run.journal.end()) {
            steps(history, run, shape, end, &mut found);
        }
    }
    found
}

/// Whether a person has settled a step, so that only the person knows what was done.
fn is_by_hand(run: &Run) -> bool {
    run.journal.facts.iter().any(|fact| {
        matches!(&fact.what, What::Operated { verb, taken: true, .. } if !matches!(verb, Verb::Retry))
    })
}

fn steps(history: &History, run: &Run, shape: &Shape, end: End, found: &mut Vec<String>) {
    let state = State::fold(shape, &run.journal);
    for (line, progress) in shape.steps.iter().zip(&state.steps) {
        let pair = format!("{}/{}/{}", run.saga, run.run, line.name);
        let tallied: i64 = history.tally.get(&pair).map_or(0, |done| done.iter().sum());
        let outside = history.outside.get(&pair);
        let net_outside = outside.map_or(0, |outside| {
            let count = |keys: usize| i64::try_from(keys).unwrap_or(i64::MAX);
            count(outside.forward.len()) - count(outside.back.len())
        });
        let is_tallied = history.tallied.contains(&(run.saga.clone(), line.name.to_owned()));
        let nets = match line.head {
            Head::Act => vec![net_outside],
            Head::Ask { .. } | Head::Tell { .. } if !is_tallied => continue,
            Head::Ask { .. } if outside.is_some() => vec![tallied, net_outside],
            Head::Ask { .. } | Head::Tell { .. } => vec![tallied],
            Head::Begun | Head::Hear => continue,
        };
        let due = match (end, progress) {
            (End::Completed, Progress::Done) => 1,
            (End::Completed, Progress::Skipped) => 0,
            (End::Compensated, _) if line.is_compensable() => 0,
            _ => continue,
        };
        if nets.iter().any(|net| *net != due) {
            found.push(format!(
                "`{pair}` of a run that {end:?} counts {nets:?}, where {due} is due"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::samples::{ended, shape};
    use crate::{History, Outside};
    use ballet::saga::journal::{End, Verb, What};
    use std::collections::BTreeSet;

    /// A run of two steps: `ask` asks a participant, and `act` acts outside; both can be taken back.
    fn history(end: End, asked: &[i64], forward: usize, back: usize) -> History {
        let keys = |way: &str, n: usize| (0..n).map(|n| format!("{way}{n}")).collect();
        let outside = Outside { forward: keys("f", forward), back: keys("b", back) };
        History {
            runs: vec![ended(end)],
            shapes: [(("move".to_owned(), 1), shape())].into(),
            tally: [("move/7/ask".to_owned(), asked.to_vec())].into(),
            tallied: [("move".to_owned(), "ask".to_owned())].into(),
            outside: [("move/7/act".to_owned(), outside)].into(),
            ..History::default()
        }
    }

    #[test]
    fn effects_that_happened_once_or_were_taken_back_are_left_alone() {
        assert_eq!(check(&history(End::Completed, &[1, -1, 1], 1, 0)), [""; 0]);
        assert_eq!(check(&history(End::Compensated, &[1, -1], 1, 1)), [""; 0]);
        assert_eq!(check(&history(End::Compensated, &[], 0, 0)), [""; 0]);
    }

    #[test]
    fn a_step_that_is_done_twice_is_named() {
        let told = check(&history(End::Completed, &[1, 1], 1, 0));
        assert_eq!(told[0], "`move/7/ask` was done and taken back as [1, 1]");
        let told = check(&history(End::Completed, &[1], 2, 0));
        assert_eq!(told, ["`move/7/act` of a run that Completed counts [2], where 1 is due"]);
    }

    #[test]
    fn a_step_that_is_taken_back_and_was_not_done_is_named() {
        let told = check(&history(End::Compensated, &[-1], 0, 0));
        assert_eq!(told[0], "`move/7/ask` was done and taken back as [-1]");
    }

    #[test]
    fn a_completed_run_that_lacks_a_step_is_named() {
        let told = check(&history(End::Completed, &[], 1, 0));
        assert_eq!(told, ["`move/7/ask` of a run that Completed counts [0], where 1 is due"]);
    }

    #[test]
    fn a_compensated_run_that_leaves_something_is_named() {
        let told = check(&history(End::Compensated, &[1], 1, 1));
        assert_eq!(told, ["`move/7/ask` of a run that Compensated counts [1], where 0 is due"]);
        let told = check(&history(End::Compensated, &[1, -1], 1, 0));
        assert_eq!(told, ["`move/7/act` of a run that Compensated counts [1], where 0 is due"]);
    }

    #[test]
    fn of_what_is_not_tallied_nothing_is_known() {
        let tallied = BTreeSet::new();
        let history = History { tallied, ..history(End::Completed, &[], 1, 0) };
        assert_eq!(check(&history), [""; 0]);
    }

    #[test]
    fn what_a_person_settled_only_the_person_knows() {
        let mut history = history(End::Compensated, &[1], 1, 1);
        let (by, reason) = ("Eva".to_owned(), "by hand".to_owned());
        let by_hand =
            What::Operated { verb: Verb::MarkCompensated, step: 0, by, reason, taken: true };
        history.runs[0].journal.facts[0].what = by_hand;
        assert_eq!(check(&history), [""; 0]);
    }
}
