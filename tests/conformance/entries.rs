//! Inbox, timers, seen ids and parked messages.

use super::slots::{noise, plain, put, row};
use super::{NOON, Pair, lane, open, write};
use ballet::Key;
use ballet::clock::Time;
use ballet::store::{
    Calling, Due, Entered, Held, InboxRow, Inboxed, LaneId, Parked, Slot, Space, Store, Timer,
    Value, Writes,
};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

pub fn entry(id: &str, body: impl Into<Bytes>) -> Inboxed {
    Inboxed { id: id.into(), key: Key::new("k"), body: body.into() }
}

async fn inbox(store: &dyn Store, lane: &LaneId, limit: u32) -> Vec<InboxRow> {
    let (_, mut batch) = open(store, lane).await;
    let rows = batch.inbox(limit).await.unwrap();
    batch.roll_back().await;
    rows
}

async fn ids(store: &dyn Store, lane: &LaneId, limit: u32) -> Vec<String> {
    inbox(store, lane, limit).await.into_iter().map(|row| row.entry.id).collect()
}

pub async fn entries_are_taken_in_the_order_in_which_they_came<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    for id in ["c", "a", "d", "b"] {
        assert_eq!(store.enter(&lane(), &entry(id, "x"), None).await.unwrap(), Entered::New);
    }
    assert_eq!(ids(&*store, &lane(), 3).await, ["c", "a", "d"]);
    let rows = inbox(&*store, &lane(), 10).await;
    assert_eq!((rows[1].at, &rows[1].entry), (NOON, &entry("a", "x")));
    let taken = vec![rows[0].number, rows[2].number];
    write(&*store, &lane(), Writes { inbox_taken: taken, ..Writes::default() }).await;
    let pair = pair.reopen().await;
    assert_eq!(ids(&*pair.store(), &lane(), 10).await, ["a", "b"]);
    pair.store().enter(&lane(), &entry("c", "x"), None).await.unwrap();
    assert_eq!(ids(&*pair.store(), &lane(), 10).await, ["a", "b", "c"]);
}

pub async fn the_same_id_enters_once<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    assert_eq!(store.enter(&lane(), &entry("a", "one"), None).await.unwrap(), Entered::New);
    let again = store.enter(&lane(), &entry("a", "two"), None).await.unwrap();
    assert_eq!(again, Entered::Waiting("one".into()));
    let elsewhere = LaneId::new("group", 1);
    assert_eq!(store.enter(&elsewhere, &entry("a", "two"), None).await.unwrap(), Entered::New);
    let writes = Writes { inbox: vec![(lane(), entry("a", "three"))], ..Writes::default() };
    write(&*store, &lane(), writes).await;
    let rows = inbox(&*store, &lane(), 10).await;
    assert_eq!(rows.iter().map(|row| &row.entry).collect::<Vec<_>>(), [&entry("a", "one")]);
}

pub async fn what_was_never_in_the_inbox_is_written_only_if_it_does_not_wait_there<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let run = |id: &'static str| Slot::new(Space::Runs, "saga", id);
    let begins = |ids: &[&str], id| Writes {
        slots: BTreeMap::from([(run(id), plain("run"))]),
        not_entered: ids.iter().map(ToString::to_string).collect(),
        ..Writes::default()
    };
    store.enter(&lane(), &entry("1", "x"), None).await.unwrap();
    store.enter(&LaneId::new("group", 1), &entry("2", "x"), None).await.unwrap();
    store.enter(&LaneId::new("another", 0), &entry("2", "x"), None).await.unwrap();
    let (_, mut batch) = open(&*store, &lane()).await;
    let failed = match batch.flush(begins(&["0", "1", "2"], "1")).await {
        Ok(()) => batch.commit().await,
        Err(told) => Err(told),
    };
    assert_eq!(failed.unwrap_err().kind(), ballet::ErrorKind::Store);
    let at = |id| BTreeSet::from([run(id)]);
    assert!(store.find(&at("1"), &BTreeSet::new()).await.unwrap().slots.is_empty());
    write(&*store, &lane(), begins(&["0", "2"], "2")).await;
    assert_eq!(store.find(&at("2"), &BTreeSet::new()).await.unwrap().slots[&run("2")], "run");
    let pair = pair.reopen().await;
    let store = pair.store();
    let taken = inbox(&*store, &lane(), 10).await.iter().map(|row| row.number).collect();
    write(&*store, &lane(), Writes { inbox_taken: taken, ..Writes::default() }).await;
    write(&*store, &lane(), begins(&["1"], "1")).await;
    assert_eq!(store.find(&at("1"), &BTreeSet::new()).await.unwrap().slots[&run("1")], "run");
}

/// A client enters what a batch begins that has it from another client of its process.
pub async fn of_two_who_begin_the_same_in_both_ways_one_sees_the_other<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    for n in 0..50 {
        let id = n.to_string();
        let run = Slot::new(Space::Runs, "saga", id.clone());
        let (_, mut batch) = open(&*store, &lane()).await;
        let writes = Writes {
            slots: BTreeMap::from([(run.clone(), plain("handed"))]),
            not_entered: vec![id.clone()],
            ..Writes::default()
        };
        let begins = async {
            batch.flush(writes).await?;
            batch.commit().await
        };
        let (lane, entry) = (lane(), entry(&id, "entered"));
        let (begun, entered) = tokio::join!(begins, store.enter(&lane, &entry, Some(&run)));
        match (begun, entered.unwrap()) {
            (Ok(()), Entered::Exists(body)) => assert_eq!(body, "handed"),
            (Err(told), Entered::New) => assert_eq!(told.kind(), ballet::ErrorKind::Store),
            both => panic!("{n}: {both:?}"),
        }
    }
}

pub async fn whoever_owns_the_lane_finds_what_has_entered_early<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let early = store.enter_early(&lane(), &entry("a", "one"), None).await.unwrap();
    let (entered, mut commit) = early;
    assert_eq!(entered, Entered::New);
    assert_eq!(ids(&*store, &lane(), 10).await, ["a"]);
    let again = store.enter(&lane(), &entry("a", "two"), None).await.unwrap();
    assert_eq!(again, Entered::Waiting("one".into()));
    commit.done().await.unwrap();
    commit.done().await.expect("it may be asked again");
    let pair = pair.reopen().await;
    assert_eq!(ids(&*pair.store(), &lane(), 10).await, ["a"]);
}

pub async fn nothing_enters_if_what_it_would_bring_about_is_there<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let run = Slot::new(Space::Runs, "saga", "1");
    let barrier = Slot::new(Space::Barriers, "group", "b\x001");
    for slot in [&run, &barrier, &row("r")] {
        let id = format!("{slot:?}");
        let entered = store.enter(&lane(), &entry(&id, "x"), Some(slot)).await.unwrap();
        assert_eq!(entered, Entered::New);
    }
    let ended = Value { body: "run".into(), status: Some(ballet::store::Status::Completed) };
    put(&*store, [(run.clone(), Some(ended))]).await;
    put(&*store, [(barrier.clone(), plain("barrier")), (row("r"), plain("row"))]).await;
    for (slot, body) in [(&run, "run"), (&barrier, "barrier"), (&row("r"), "row")] {
        let entered = store.enter(&lane(), &entry("new", "x"), Some(slot)).await.unwrap();
        assert_eq!(entered, Entered::Exists(body.into()));
    }
    assert_eq!(inbox(&*store, &lane(), 10).await.len(), 3);
}

/// A store may put those that come at the same time by one statement.
pub async fn of_those_that_come_together_only_what_is_new_enters<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let run = Slot::new(Space::Runs, "saga", "1");
    let barrier = Slot::new(Space::Barriers, "group", "b\x001");
    let there = [&run, &barrier, &row("r")];
    let value = |slot: &Slot| match slot.space {
        Space::Runs => Value { body: "run".into(), status: Some(ballet::store::Status::Running) },
        _ => Value::plain("there"),
    };
    let slots = there.iter().map(|slot| ((*slot).clone(), Some(value(slot)))).collect();
    write(&*store, &lane(), Writes { slots, ..Writes::default() }).await;
    let new = [
        Slot::new(Space::Runs, "saga", "2"),
        Slot::new(Space::Barriers, "group", "b\x002"),
        row("s"),
    ];
    let all: Vec<(LaneId, Inboxed, &Slot)> = there
        .into_iter()
        .chain(&new)
        .map(|slot| (lane(), entry(&format!("{slot:?}"), "x"), slot))
        .collect();
    let entering = all.iter().map(|(lane, entry, slot)| store.enter(lane, entry, Some(slot)));
    let entered = futures::future::join_all(entering).await;
    let entered: Vec<Entered> = entered.into_iter().map(Result::unwrap).collect();
    let exists = |slot: &Slot| Entered::Exists(value(slot).body);
    let expected = there.map(exists).into_iter().chain([Entered::New, Entered::New, Entered::New]);
    assert_eq!(entered, expected.collect::<Vec<_>>());
    assert_eq!(ids(&*store, &lane(), 10).await.len(), 3);
}

pub async fn a_batch_puts_entries_into_other_lanes<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let other = LaneId::new("other", 1);
    let entries = vec![(other.clone(), entry("b", "x")), (other.clone(), entry("a", "y"))];
    write(&*pair.store(), &lane(), Writes { inbox: entries, ..Writes::default() }).await;
    let pair = pair.reopen().await;
    assert_eq!(ids(&*pair.store(), &other, 10).await, ["b", "a"]);
    assert_eq!(ids(&*pair.store(), &lane(), 10).await, [""; 0]);
}

fn later(micros: i64) -> Time {
    Time::from_micros(NOON.micros() + micros)
}

pub fn timer(id: &str, due: i64) -> (Timer, Key) {
    (Timer { due: later(due), id: id.into() }, Key::new(id))
}

fn timers(all: impl IntoIterator<Item = (Timer, Key)>) -> Writes {
    Writes { timers: all.into_iter().collect(), ..Writes::default() }
}

/// These are due, and then one so much later.
fn ring(timers: impl IntoIterator<Item = (Timer, Key)>, next: Option<i64>) -> Due {
    Due { timers: timers.into_iter().collect(), next: next.map(later) }
}

async fn due(store: &dyn Store, limit: u32) -> Due {
    let (_, mut batch) = open(store, &lane()).await;
    let due = batch.due(limit).await.unwrap();
    batch.roll_back().await;
    due
}

pub async fn timers_are_taken_in_the_order_in_which_they_are_due<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let all = [timer("a", 3), timer("b", 1), timer("c", 2), timer("d", 9), timer("e", 8)];
    write(&*pair.store(), &lane(), timers(all)).await;
    assert_eq!(pair.store().take(&lane()).await.unwrap().due, Some(later(1)));
    assert_eq!(due(&*pair.store(), 10).await, ring([], Some(1)));
    let pair = pair.reopen().await;
    pair.set_time(later(3));
    let (b, c, a) = (timer("b", 1), timer("c", 2), timer("a", 3));
    let all = [b.clone(), c.clone(), a.clone()];
    assert_eq!(due(&*pair.store(), 10).await, ring(all.clone(), Some(8)));
    assert_eq!(due(&*pair.store(), 3).await, ring(all, Some(8)));
    assert_eq!(due(&*pair.store(), 2).await, ring([b, c], Some(3)));
    pair.set_time(later(9));
    assert_eq!(due(&*pair.store(), 10).await.next, None);
}

/// What is taken away is told by when it is due and by its id: what has only one of them stays. What is not there
/// needs not be.
pub async fn a_timer_is_moved_by_taking_it_away_and_setting_another<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let all = [timer("a", 1), timer("b", 1), timer("b", 2), timer("c", 3)];
    write(&*pair.store(), &lane(), timers(all)).await;
    let timers_gone = [timer("a", 1), timer("b", 2), timer("c", 2)].map(|(timer, _)| timer).into();
    let moved = timer("a", 7);
    write(&*pair.store(), &lane(), Writes { timers_gone, ..timers([moved.clone()]) }).await;
    let pair = pair.reopen().await;
    pair.set_time(later(9));
    let left = [timer("b", 1), timer("c", 3), moved];
    assert_eq!(due(&*pair.store(), 10).await, ring(left, None));
}

/// Whoever sets a timer that is set needs not know it, nor who takes it away and sets it in the same batch.
pub async fn a_timer_that_is_set_already_is_set_once<P: Pair>() {
    let pair = P::fresh(NOON).await;
    write(&*pair.store(), &lane(), timers([timer("a", 1), timer("b", 2)])).await;
    let (b, _) = timer("b", 2);
    let set = [timer("a", 1), (b.clone(), Key::new("other"))];
    write(&*pair.store(), &lane(), Writes { timers_gone: [b].into(), ..timers(set.clone()) }).await;
    let pair = pair.reopen().await;
    pair.set_time(later(9));
    assert_eq!(due(&*pair.store(), 10).await, ring(set, None));
}

pub async fn foreign_ids_are_seen_by_their_group_alone<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let ids = ["a".to_owned(), "b".to_owned(), "a\u{0}".to_owned()];
    let writes = Writes { seen: ids.to_vec(), ..Writes::default() };
    write(&*pair.store(), &lane(), writes.clone()).await;
    write(&*pair.store(), &lane(), writes).await;
    let pair = pair.reopen().await;
    let asked: BTreeSet<String> = ids.iter().cloned().chain(["c".to_owned()]).collect();
    for (lane, count) in [(lane(), 3), (LaneId::new("group", 1), 3), (LaneId::new("other", 0), 0)] {
        let store = pair.store();
        let (_, mut batch) = open(&*store, &lane).await;
        let seen = batch.seen(&asked).await.unwrap();
        assert_eq!(seen.len(), count, "{lane}: {seen:?}");
        assert!(!seen.contains("c"));
        batch.roll_back().await;
    }
}

pub fn parked(number: u64, held: Held) -> Parked {
    Parked {
        number,
        key: Key::new("k"),
        held,
        attempts: 2,
        since: NOON,
        due: Some(later(5)),
        reason: "it said \"no\"".into(),
        edge: None,
        body: "body".into(),
    }
}

pub async fn parked_messages_are_changed_and_released<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let all = vec![parked(1, Held::Fault), parked(10, Held::Behind), parked(2, Held::NotYet)];
    write(&*pair.store(), &lane(), Writes { parked: all, ..Writes::default() }).await;
    let again = Parked { attempts: 3, due: None, ..parked(2, Held::Unknown) };
    let writes = Writes { parked: vec![again.clone()], released: vec![1, 2], ..Writes::default() };
    write(&*pair.store(), &lane(), writes).await;
    let taken = pair.reopen().await.store().take(&lane()).await.unwrap();
    assert_eq!(taken.parked, [again, parked(10, Held::Behind)]);
}

pub async fn texts_may_hold_any_characters<P: Pair>() {
    comes_back::<P>("zero \u{0}, quote \" ' `, line \n, \u{1F980}, \u{7f}\u{80}\\u0000").await;
}

/// An id has the longest key in it, and perhaps names of the program and what tells it from others.
pub async fn the_longest_ids_fit<P: Pair>() {
    comes_back::<P>(&noise(2 * Key::LONGEST + 64)).await;
}

async fn comes_back<P: Pair>(text: &str) {
    let pair = P::fresh(NOON).await;
    let id = Inboxed { id: text.into(), key: Key::new(text), body: text.to_owned().into() };
    let call =
        Calling { id: text.into(), key: Key::new(text), holds: true, body: text.to_owned().into() };
    let aside = Parked { reason: text.into(), key: Key::new(text), ..parked(1, Held::Fault) };
    let (timer, about) = (Timer { due: NOON, id: text.into() }, Key::new(text));
    let writes = Writes {
        inbox: vec![(lane(), id.clone())],
        calls: vec![call.clone()],
        parked: vec![aside.clone()],
        timers: BTreeMap::from([(timer.clone(), about.clone())]),
        ..Writes::default()
    };
    write(&*pair.store(), &lane(), writes).await;
    let pair = pair.reopen().await;
    let taken = pair.store().take(&lane()).await.unwrap();
    assert_eq!((taken.calls, taken.parked), (vec![call], vec![aside]));
    assert_eq!(due(&*pair.store(), 10).await, ring([(timer.clone(), about)], None));
    assert_eq!(inbox(&*pair.store(), &lane(), 10).await[0].entry, id);
    let timers_gone = BTreeSet::from([timer]);
    let writes = Writes { called: vec![text.to_owned()], timers_gone, ..Writes::default() };
    write(&*pair.store(), &lane(), writes).await;
    assert_eq!(pair.store().take(&lane()).await.unwrap().calls, []);
    assert_eq!(due(&*pair.store(), 10).await, ring([], None));
}
