//! Fencing: a lane has one history, each batch of it written once, by an epoch that never goes back (I7).

use crate::{Commit, History};
use ballet::store::LaneId;
use std::collections::BTreeMap;

/// What must be true.
pub const LAW: &str = "The batches of a lane are numbered without gap, and after an owner has committed none of an \
                       earlier epoch commits.";

/// Goes through the commits.
#[must_use]
pub fn check(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    let mut last: BTreeMap<&LaneId, &Commit> = BTreeMap::new();
    for commit in &history.commits {
        let (lane, number) = (&commit.lane, commit.after + 1);
        let before = last.insert(lane, commit);
        let expected = before.map_or(1, |before| before.after + 2);
        if number != expected {
            found.push(format!("{lane}: batch {number} was written where {expected} was due"));
        }
        let newest = before.map_or(0, |before| before.epoch);
        if commit.epoch < newest {
            let epoch = commit.epoch;
            found.push(format!(
                "{lane}: epoch {epoch} wrote batch {number}, after epoch {newest} had written"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::samples::commits;

    #[test]
    fn one_owner_after_the_other_is_left_alone() {
        assert_eq!(check(&commits(&[(1, 0), (1, 1), (3, 2)])), [""; 0]);
    }

    #[test]
    fn a_zombie_that_writes_is_named() {
        let told = check(&commits(&[(1, 0), (2, 1), (1, 2)]));
        assert_eq!(told, ["words/0: epoch 1 wrote batch 3, after epoch 2 had written"]);
    }

    #[test]
    fn a_batch_that_is_written_twice_is_named() {
        let told = check(&commits(&[(1, 0), (1, 1), (1, 1)]));
        assert_eq!(told, ["words/0: batch 2 was written where 3 was due"]);
    }

    #[test]
    fn a_batch_that_is_missing_is_named() {
        let told = check(&commits(&[(1, 1)]));
        assert_eq!(told, ["words/0: batch 2 was written where 1 was due"]);
    }
}
