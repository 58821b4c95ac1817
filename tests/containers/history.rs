//! The history of a shop on servers, for the checkers: its topics, its tables, and what the [`witness`] has seen.

use crate::books::{Log, Office};
use crate::shop::Shop;
use crate::witness;
use ::shop::audit::Books;
use ::shop::http::schema_of;
use ballet::Saga;
use ballet::reactor::barrier::Barrier;
use ballet::saga::Head;
use ballet::saga::journal::Journal;
use ballet::store::{Position, Space, Store, Taken};
use checkers::{Commit, History, Lane, Run, Tally};
use orchestrated::Purchase;
use std::collections::BTreeSet;

/// Whether every lane had read its topics and its inbox to the end, as far as the log went.
pub async fn is_read(shop: &Shop, office: &Office, log: &Log) -> bool {
    let lanes = witness::lanes(shop.database()).await;
    for (service, store) in office.stores() {
        if !store.waiting().await.unwrap().is_empty() {
            return false;
        }
        let lanes = lanes.get(&schema_of(service)).into_iter().flatten();
        let groups: BTreeSet<&str> = lanes.map(|lane| lane.group.as_str()).collect();
        for group in groups {
            for (lane, positions) in store.snapshot(group, None).await.unwrap().positions {
                let is_behind = |(topic, at): (&String, &Position)| {
                    log.ends.get(&(topic.clone(), lane)).is_some_and(|end| at.next < *end)
                };
                if positions.iter().any(is_behind) {
                    return false;
                }
            }
        }
    }
    true
}

/// The history of a shop of which no process runs any more: its lanes are taken.
pub async fn read(shop: &Shop, office: &Office, books: Books, log: &Log) -> History {
    let shape = Purchase::plan().shape().clone();
    let commits = witness::commits(shop.database()).await;
    let asked = shape.steps.iter().filter(|line| matches!(line.head, Head::Ask { .. }));
    let tallied = asked.map(|line| (shape.saga.to_owned(), line.name.to_owned())).collect();
    let mut history = History {
        partitions: log.partitions.clone(),
        ends: log.ends.clone(),
        dead: books.dead_letters.clone(),
        tally: tally(&commits, &tallied),
        tallied,
        shapes: [((shape.saga.to_owned(), shape.version), shape)].into(),
        commits,
        books: Some(books),
        ..History::default()
    };
    let there: BTreeSet<_> = history.once().map(|(.., message)| message.envelope.id).collect();
    let lanes = witness::lanes(shop.database()).await;
    for (service, store) in office.stores() {
        let waiting = store.waiting().await.unwrap();
        for id in lanes.get(&schema_of(service)).into_iter().flatten().chain(&waiting) {
            let mut taken = store.take(id).await.unwrap();
            for (_, messages) in &mut taken.unpublished {
                messages.retain(|outgoing| !there.contains(&outgoing.message.envelope.id));
            }
            history
                .lanes
                .insert(id.clone(), lane(store.incarnation(), taken, waiting.contains(id)));
        }
        for row in store.runs(Purchase::NAME, None, u32::MAX).await.unwrap() {
            let journal = Journal::decode(&row.body).unwrap();
            let (saga, run, status) = (row.saga, row.run, row.status);
            history.runs.push(Run { saga, run, status, journal });
        }
    }
    history
}

/// A lane as it was found. What has reached the broker need not have been marked as published.
fn lane(incarnation: u32, taken: Taken, inbox: bool) -> Lane {
    let parked = taken.parked.iter();
    let told = |parked: &ballet::store::Parked| {
        format!("{} of key `{}`: {:?}, {}", parked.number, parked.key, parked.held, parked.reason)
    };
    Lane {
        parked: parked.map(told).collect(),
        calls: taken.calls.len(),
        unpublished: taken.unpublished.iter().map(|(_, messages)| messages.len()).sum(),
        positions: taken.positions,
        sent: taken.sent,
        inbox,
        incarnation,
    }
}

/// What participants did and took back of these steps, as they remember it themselves.
fn tally(commits: &[Commit], tallied: &BTreeSet<(String, String)>) -> Tally {
    let mut tally = Tally::new();
    let slots = commits.iter().flat_map(|commit| &commit.writes.slots);
    for (slot, value) in slots.filter(|(slot, _)| slot.space == Space::Barriers) {
        let key = String::from_utf8_lossy(&slot.key).into_owned();
        let Some(Ok(barrier)) = value.as_ref().map(|value| serde_json::from_slice(&value.body))
        else {
            continue;
        };
        // An answer that stands in for a compensation remembers it beside the action, and does not say
        // whether it found anything: if nothing was done, it cannot have.
        let (pair, change, stands_in) = match (key.strip_suffix("/back"), barrier) {
            (Some(pair), Barrier::Done { .. }) => (pair.to_owned(), -1, true),
            (None, Barrier::Done { .. }) => (key, 1, false),
            (None, Barrier::Void { made: true }) => (key, -1, false),
            _ => continue,
        };
        let mut parts = pair.split('/');
        let (saga, step) =
            (parts.next().unwrap_or_default(), parts.next_back().unwrap_or_default());
        if tallied.contains(&(saga.to_owned(), step.to_owned())) {
            let done = tally.entry(pair).or_default();
            // What is remembered may be written again.
            if done.last() != Some(&change) && !(stands_in && done.is_empty()) {
                done.push(change);
            }
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::tally;
    use ballet::reactor::barrier::Barrier;
    use ballet::store::{LaneId, Slot, Space, Value, Writes};
    use checkers::Commit;
    use std::collections::BTreeMap;

    const DONE: Barrier = Barrier::Done { by: None, made: None, reply: None };
    const VOID: Barrier = Barrier::Void { made: true };

    /// What is made of a step whose rows were written like this, one batch after the other.
    fn told(rows: &[(&str, Barrier)]) -> Vec<i64> {
        let commit = |(key, barrier): &(&str, Barrier)| {
            let slot = Slot::new(Space::Barriers, "inventory", format!("purchase/1/hold{key}"));
            let body = serde_json::to_vec(barrier).unwrap();
            let slots = BTreeMap::from([(slot, Some(Value::plain(body)))]);
            Commit {
                lane: LaneId::new("inventory", 0),
                epoch: 1,
                after: 0,
                positions: BTreeMap::new(),
                writes: Writes { slots, ..Writes::default() },
            }
        };
        let commits: Vec<Commit> = rows.iter().map(commit).collect();
        let tallied = [("purchase".to_owned(), "hold".to_owned())].into();
        tally(&commits, &tallied).remove("purchase/1/hold").unwrap_or_default()
    }

    #[test]
    fn what_was_done_and_taken_back_is_told_in_its_order() {
        assert_eq!(told(&[("", DONE), ("", VOID)]), [1, -1]);
        assert_eq!(told(&[("", DONE), ("/back", DONE)]), [1, -1]);
        assert_eq!(told(&[("", VOID)]), [-1], "whoever took something back says that it was there");
    }

    #[test]
    fn an_answer_that_stands_in_for_a_compensation_may_find_nothing() {
        assert_eq!(told(&[("/back", DONE)]), [0_i64; 0]);
        assert_eq!(told(&[("/back", DONE), ("", DONE)]), [1], "and what comes later is left");
    }
}
