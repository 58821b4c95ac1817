//! Views: the rows of a view are what comes of folding the log once more, byte for byte (I15).

use crate::History;
use std::collections::BTreeSet;

/// What must be true.
pub const LAW: &str = "Each row of each view is what a replay of the log makes.";

/// Goes through the views.
#[must_use]
pub fn check(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for (view, fold) in &history.folds {
        let keys: BTreeSet<&String> = fold.stored.keys().chain(fold.replayed.keys()).collect();
        for key in keys {
            let (stored, replayed) = (fold.stored.get(key), fold.replayed.get(key));
            if stored != replayed {
                found.push(format!(
                    "`{view}` of `{key}` is {stored:?}, and a replay says {replayed:?}"
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::{Fold, History};

    fn fold(stored: &[(&str, &str)], replayed: &[(&str, &str)]) -> Vec<String> {
        let rows = |rows: &[(&str, &str)]| {
            rows.iter().map(|(key, row)| ((*key).to_owned(), (*row).to_owned())).collect()
        };
        let fold = Fold { stored: rows(stored), replayed: rows(replayed) };
        check(&History { folds: [("told".to_owned(), fold)].into(), ..History::default() })
    }

    #[test]
    fn a_view_that_is_a_replay_is_left_alone() {
        assert_eq!(fold(&[("a", "1")], &[("a", "1")]), [""; 0]);
    }

    #[test]
    fn a_row_that_differs_is_too_many_or_is_missing_is_named() {
        let told = fold(&[("a", "1"), ("b", "2")], &[("a", "3"), ("c", "4")]);
        assert_eq!(
            told,
            [
                "`told` of `a` is Some(\"1\"), and a replay says Some(\"3\")",
                "`told` of `b` is Some(\"2\"), and a replay says None",
                "`told` of `c` is None, and a replay says Some(\"4\")",
            ]
        );
    }
}
