//! The barrier: what is remembered of a command and its compensation changes one way only, and a business
//! transaction of a choreography comes to one end (I2).

use crate::History;
use ballet::message::Way;
use ballet::reactor::barrier::Barrier;
use ballet::store::Space;
use std::collections::BTreeMap;

/// What must be true.
pub const LAW: &str = "What was taken back is never done again, what was done is only taken back, and of several \
                       ends of a business transaction one comes true.";

/// Goes through all that was ever written to barriers, and through the ends.
#[must_use]
pub fn check(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    let mut last: BTreeMap<(&str, &[u8]), Barrier> = BTreeMap::new();
    let slots = history.commits.iter().flat_map(|commit| &commit.writes.slots);
    for (slot, value) in slots.filter(|(slot, _)| slot.space == Space::Barriers) {
        let key = (slot.table.as_str(), slot.key.as_ref());
        let body = value.as_ref().map(|value| serde_json::from_slice::<Barrier>(&value.body));
        let Some(Ok(barrier)) = body else { continue };
        if let Some(before) = last.get(&key)
            && !may_follow(before, &barrier)
        {
            let (before, after) = (name(before), name(&barrier));
            found.push(format!("{slot:?} was {before}, and became {after}"));
        }
        last.insert(key, barrier);
    }
    for (of, ends) in &history.ends_of {
        if ends.len() > 1 {
            found.push(format!("`{of}` came to several ends: {}", ends.join(", ")));
        }
    }
    found
}

fn may_follow(before: &Barrier, after: &Barrier) -> bool {
    let is_back = |barrier: &Barrier| matches!(barrier, Barrier::Calling(calling) if calling.way == Way::Back);
    match (before, after) {
        (Barrier::Done { .. }, Barrier::Void { made }) => *made,
        (Barrier::Done { .. }, Barrier::Done { .. }) => true,
        (Barrier::Refused { .. }, Barrier::Void { made }) => !*made,
        (Barrier::Refused { .. }, after) => !is_back(after),
        (Barrier::Void { made: before }, Barrier::Void { made: after }) => before == after,
        (Barrier::Void { .. }, _) => false,
        (Barrier::Calling(_), after) if is_back(before) => match after {
            Barrier::Void { made } => *made,
            after => is_back(after),
        },
        (Barrier::Done { .. }, after) => is_back(after),
        (Barrier::Calling(_), _) => true,
    }
}

fn name(barrier: &Barrier) -> &'static str {
    match barrier {
        Barrier::Calling(calling) if calling.way == Way::Back => "calling back",
        Barrier::Calling(_) => "calling",
        Barrier::Done { .. } => "done",
        Barrier::Refused { .. } => "refused",
        Barrier::Void { made: true } => "taken back",
        Barrier::Void { made: false } => "shut",
    }
}

#[cfg(test)]
mod tests {
    use super::{Barrier, check};
    use crate::History;
    use crate::samples::commits;
    use ballet::store::{Slot, Space, Value};

    const DONE: &str = r#"{"done":{"by":null,"made":[],"reply":[]}}"#;
    const TAKEN_BACK: &str = r#"{"void":{"made":true}}"#;
    const SHUT: &str = r#"{"void":{"made":false}}"#;
    const CALLING: &str = r#"{"calling":{"way":"forward","by":null,"made":[]}}"#;
    const CALLING_BACK: &str = r#"{"calling":{"way":"back","by":null,"made":[]}}"#;
    const REFUSED: &str =
        r#"{"refused":{"by":null,"round":0,"refusal":{"code":"no","detail":"no"}}}"#;

    fn life(rows: &[&'static str]) -> Vec<String> {
        let mut history = commits(&vec![(1, 0); rows.len()]);
        for row in rows {
            serde_json::from_str::<Barrier>(row).expect("a barrier");
        }
        for (commit, row) in history.commits.iter_mut().zip(rows) {
            let slot = Slot::new(Space::Barriers, "till", "a");
            commit.writes.slots.insert(slot, Some(Value::plain(*row)));
        }
        check(&history)
    }

    #[test]
    fn a_barrier_that_goes_one_way_is_left_alone() {
        for rows in [
            &[DONE, TAKEN_BACK, TAKEN_BACK][..],
            &[CALLING, DONE, CALLING_BACK, CALLING_BACK, TAKEN_BACK],
            &[REFUSED, SHUT],
            &[REFUSED, DONE],
            &[SHUT],
        ] {
            assert_eq!(life(rows), [""; 0], "{rows:?}");
        }
    }

    #[test]
    fn whatever_goes_another_way_is_named() {
        for (rows, told) in [
            ([TAKEN_BACK, DONE], "taken back, and became done"),
            ([SHUT, DONE], "shut, and became done"),
            ([SHUT, TAKEN_BACK], "shut, and became taken back"),
            ([DONE, SHUT], "done, and became shut"),
            ([DONE, REFUSED], "done, and became refused"),
            ([CALLING_BACK, DONE], "calling back, and became done"),
            ([REFUSED, TAKEN_BACK], "refused, and became taken back"),
        ] {
            assert_eq!(life(&rows), [format!("Barriers till[a] was {told}")]);
        }
    }

    #[test]
    fn two_ends_of_one_business_transaction_are_named() {
        let ends = |ends: &[&str]| {
            let ends = ends.iter().map(|end| (*end).to_owned()).collect();
            check(&History { ends_of: [("7".to_owned(), ends)].into(), ..History::default() })
        };
        assert_eq!(ends(&["paid"]), [""; 0]);
        assert_eq!(ends(&["paid", "cancelled"]), ["`7` came to several ends: paid, cancelled"]);
    }
}
