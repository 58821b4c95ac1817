//! Liveness: once nothing goes wrong any more everything ends, or needs a person (I11, I24).

use crate::History;

/// What must be true.
pub const LAW: &str = "Every run has ended or needs attention, every ended run says how, and every business \
                       transaction of a choreography has come to an end.";

/// Goes through runs and business transactions.
#[must_use]
pub fn check(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for run in &history.runs {
        let (saga, id, status) = (&run.saga, &run.run, run.status.name());
        let has_ended = run.journal.end().is_some();
        if run.status.is_end() != has_ended {
            found.push(format!(
                "run `{id}` of `{saga}` is {status}, and its journal says otherwise"
            ));
        }
        if !has_ended && run.status != ballet::store::Status::NeedsAttention {
            found.push(format!("run `{id}` of `{saga}` is {status}, and has not ended"));
        }
    }
    let open = history.ends_of.iter().filter(|(_, ends)| ends.is_empty());
    found.extend(open.map(|(of, _)| format!("`{of}` has come to no end")));
    found
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::History;
    use crate::samples::run;
    use ballet::saga::journal::{End, What};
    use ballet::store::Status;

    fn one(status: Status, facts: Vec<What>) -> Vec<String> {
        check(&History { runs: vec![run(status, facts)], ..History::default() })
    }

    #[test]
    fn what_has_ended_or_needs_a_person_is_left_alone() {
        assert_eq!(one(Status::Completed, vec![What::Ended(End::Completed)]), [""; 0]);
        assert_eq!(one(Status::NeedsAttention, vec![What::Begun]), [""; 0]);
    }

    #[test]
    fn a_run_that_does_not_end_is_named() {
        let told = ["run `7` of `move` is running, and has not ended"];
        assert_eq!(one(Status::Running, vec![What::Begun]), told);
    }

    #[test]
    fn a_run_whose_status_is_another_than_its_journal_says_is_named() {
        let told = ["run `7` of `move` is running, and its journal says otherwise"];
        assert_eq!(one(Status::Running, vec![What::Ended(End::Completed)]), told);
    }

    #[test]
    fn a_business_transaction_without_an_end_is_named() {
        let ends_of = [("7".to_owned(), Vec::new())].into();
        let told = check(&History { ends_of, ..History::default() });
        assert_eq!(told, ["`7` has come to no end"]);
    }
}
