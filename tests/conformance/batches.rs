//! Batches: all of it or nothing, whatever becomes of whoever began it.

use super::entries::{entry, parked, timer};
use super::slots::{plain, put, row};
use super::{NOON, Pair, at, begin, lane, message, next, open, outgoing, write};
use ballet::broker::TopicSpec;
use ballet::clock::Time;
use ballet::edge::Edge;
use ballet::store::{
    Advance, Begun, Calling, DeadLetter, Held, Lock, Parked, Slot, Space, Status, Store, Value,
    Writes,
};
use ballet::{ErrorKind, Key};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::task::Poll;

fn edge(source: &str) -> Edge {
    Edge { source: source.into(), incarnation: u32::MAX, lane: 3, topic: "t".into() }
}

fn call(id: &str) -> Calling {
    Calling { id: id.into(), key: Key::new("k"), holds: true, body: "call".into() }
}

fn dead(n: u64, group: &str, seconds: i64) -> DeadLetter {
    DeadLetter {
        id: ballet::id::derived(&["dead", &n.to_string()]),
        lane: ballet::store::LaneId::new(group, 0),
        key: Key::new("k"),
        reason: "given up".into(),
        at: Time::from_micros(NOON.micros() + seconds * 1_000_000),
        attempts: 9,
        body: "letter".into(),
    }
}

fn everything() -> Writes {
    let gap = Parked { edge: Some((edge("s"), 7)), due: None, ..parked(4, Held::Gap) };
    Writes {
        slots: BTreeMap::from([(row("k"), plain("value"))]),
        sent: BTreeMap::from([(("t".into(), 0), 1), (("t".into(), 1), u64::MAX >> 1)]),
        taken: BTreeMap::from([(edge("s"), 4), (edge("r"), 5)]),
        seen: vec!["foreign".into()],
        timers: BTreeMap::from([timer("timer", 0)]),
        calls: vec![call("b"), call("a")],
        parked: vec![parked(3, Held::Fault), gap],
        dead: vec![dead(1, "group", 0)],
        inbox: vec![(lane(), entry("entry", "x"))],
        ..Writes::default()
    }
}

pub async fn everything_that_a_batch_writes_is_found_again<P: Pair>() {
    let pair = P::fresh(NOON).await;
    write(&*pair.store(), &lane(), everything()).await;
    let pair = pair.reopen().await;
    let store = pair.store();
    let wrote = everything();
    let (taken, mut batch) = open(&*store, &lane()).await;
    assert_eq!((taken.sent, taken.taken), (wrote.sent, wrote.taken));
    assert_eq!(taken.calls, [call("a"), call("b")]);
    assert_eq!(taken.parked, wrote.parked);
    assert_eq!((taken.batch, taken.due), (1, Some(NOON)));
    let slots = BTreeMap::from([(row("k"), Lock::Peek)]);
    assert_eq!(batch.read(&slots, &BTreeSet::new()).await.unwrap().slots[&row("k")], "value");
    assert_eq!(batch.due(10).await.unwrap().timers, [timer("timer", 0)]);
    assert_eq!(batch.inbox(10).await.unwrap()[0].entry, entry("entry", "x"));
    let ids = BTreeSet::from([wrote.dead[0].id, ballet::id::derived(&["nobody"])]);
    assert_eq!(batch.dead(&ids).await.unwrap(), wrote.dead);
    let ids = BTreeSet::from(["foreign".to_owned()]);
    assert_eq!(batch.seen(&ids).await.unwrap(), ids);
    batch.roll_back().await;
    assert_eq!(store.dead_letters(None, 10).await.unwrap(), wrote.dead);
}

pub async fn everything_that_a_batch_deletes_is_gone<P: Pair>() {
    let pair = P::fresh(NOON).await;
    write(&*pair.store(), &lane(), everything()).await;
    let store = pair.store();
    let (_, mut batch) = open(&*store, &lane()).await;
    let number = batch.inbox(1).await.unwrap()[0].number;
    let writes = Writes {
        slots: BTreeMap::from([(row("k"), None)]),
        timers_gone: BTreeSet::from([timer("timer", 0).0]),
        called: vec!["a".into(), "b".into()],
        released: vec![3, 4],
        replayed: vec![dead(1, "group", 0).id],
        inbox_taken: vec![number],
        ..Writes::default()
    };
    batch.flush(writes).await.unwrap();
    batch.commit().await.unwrap();
    let pair = pair.reopen().await;
    let store = pair.store();
    let (taken, mut batch) = open(&*store, &lane()).await;
    assert_eq!((taken.calls, taken.parked, taken.due), (vec![], vec![], None));
    assert_eq!(batch.inbox(1).await.unwrap(), []);
    let slots = BTreeMap::from([(row("k"), Lock::Peek)]);
    assert!(batch.read(&slots, &BTreeSet::new()).await.unwrap().slots.is_empty());
    assert_eq!(store.dead_letters(None, 10).await.unwrap(), []);
}

pub async fn what_is_written_twice_is_there_as_it_was_written_last<P: Pair>() {
    let pair = P::fresh(NOON).await;
    write(&*pair.store(), &lane(), everything()).await;
    let other = Calling { body: "other".into(), holds: false, ..call("a") };
    let letter = DeadLetter { reason: "again".into(), ..dead(1, "group", 0) };
    let writes = Writes {
        sent: BTreeMap::from([(("t".into(), 0), 2)]),
        taken: BTreeMap::from([(edge("s"), 5)]),
        calls: vec![other.clone()],
        called: vec!["a".into()],
        dead: vec![letter.clone()],
        replayed: vec![letter.id],
        ..Writes::default()
    };
    write(&*pair.store(), &lane(), writes).await;
    let pair = pair.reopen().await;
    let taken = pair.store().take(&lane()).await.unwrap();
    assert_eq!(taken.sent[&("t".into(), 0)], 2);
    assert_eq!((taken.taken[&edge("s")], taken.taken[&edge("r")]), (5, 5));
    assert_eq!(taken.calls, [other, call("b")]);
    assert_eq!(pair.store().dead_letters(None, 10).await.unwrap(), [letter]);
}

/// Nothing of [`everything`] is there, and the store goes on working.
async fn nothing_is_there<P: Pair>(pair: P) {
    let store = pair.store();
    let taken = store.take(&lane()).await.unwrap();
    assert_eq!(taken.batch, 0);
    assert_eq!((taken.sent, taken.taken), (BTreeMap::new(), BTreeMap::new()));
    assert_eq!((taken.calls, taken.parked, taken.due), (vec![], vec![], None));
    assert_eq!(store.dead_letters(None, 10).await.unwrap(), []);
    let (_, mut batch) = open(&*store, &lane()).await;
    assert_eq!(batch.inbox(10).await.unwrap(), []);
    assert!(batch.seen(&BTreeSet::from(["foreign".to_owned()])).await.unwrap().is_empty());
    batch.flush(everything()).await.unwrap();
    batch.commit().await.unwrap();
    let pair = pair.reopen().await;
    assert_eq!(pair.store().take(&lane()).await.unwrap().batch, 1);
}

pub async fn a_batch_that_is_rolled_back_leaves_nothing<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let (_, mut batch) = open(&*pair.store(), &lane()).await;
    batch.flush(everything()).await.unwrap();
    batch.roll_back().await;
    nothing_is_there(pair).await;
}

pub async fn a_batch_that_is_dropped_leaves_nothing<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let (_, mut batch) = open(&*pair.store(), &lane()).await;
    batch.flush(everything()).await.unwrap();
    drop(batch);
    nothing_is_there(pair).await;
}

/// Polls a future so often, and then drops it.
async fn poll_times<T>(future: impl Future<Output = T>, times: usize) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..times {
        let mut polled = None;
        std::future::poll_fn(|cx| {
            polled = Some(future.as_mut().poll(cx));
            Poll::Ready(())
        })
        .await;
        if let Some(Poll::Ready(done)) = polled {
            return Some(done);
        }
        // Whoever else runs in this process gets on.
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
    None
}

pub async fn whoever_stops_waiting_at_any_moment_leaves_nothing_open<P: Pair>() {
    let mut whole = 0;
    for times in 0..60 {
        let pair = P::fresh(NOON).await;
        let (_, mut batch) = open(&*pair.store(), &lane()).await;
        let asked = poll_times(batch.inbox(10), times).await;
        let flushed = match asked {
            Some(_) => poll_times(batch.flush(everything()), times).await,
            None => None,
        };
        drop(batch);
        whole += usize::from(flushed.is_some());
        nothing_is_there(pair).await;
        if whole > 3 {
            return;
        }
    }
}

pub async fn a_begin_that_nobody_waits_for_leaves_nothing_open<P: Pair>() {
    for times in 1..40 {
        let pair = P::fresh(NOON).await;
        let store = pair.store();
        let advance = next(&lane(), &store.take(&lane()).await.unwrap());
        let begun = poll_times(store.begin(&advance), times).await;
        let is_whole = begun.is_some();
        drop(begun);
        nothing_is_there(pair).await;
        if is_whole {
            return;
        }
    }
}

pub async fn batches_that_are_not_published_are_found_by_the_next_owner<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let spec = TopicSpec { name: "t".into(), partitions: 1, compacted: false };
    pair.broker().ensure(&spec).await.unwrap();
    let mut taken = store.take(&lane()).await.unwrap();
    for n in 1..=3 {
        let advance = Advance { published: 1, ..next(&lane(), &taken) };
        let mut batch = begin(&*store, &advance).await;
        let out = vec![outgoing("t", 0, 2 * n, "a"), outgoing("t", 0, 2 * n + 1, "b")];
        batch.flush(Writes { outgoing: out, ..Writes::default() }).await.unwrap();
        batch.commit().await.unwrap();
        taken.batch += 1;
    }
    let range = pair.broker().range("t", 0).await.unwrap();
    let fused = store.is_fused();
    assert_eq!(range.end, if fused { 6 } else { 0 }, "a fused store appends in the transaction");
    assert_eq!(store.log().is_some(), fused);
    let pair = pair.reopen().await;
    let store = pair.store();
    let taken = store.take(&lane()).await.unwrap();
    let batches: Vec<u64> = taken.unpublished.iter().map(|(batch, _)| *batch).collect();
    assert_eq!(batches, if fused { vec![] } else { vec![2, 3] });
    if let Some((_, messages)) = taken.unpublished.first() {
        assert_eq!(messages[1].message, message(5, "b"));
    }
    store.published(&lane(), taken.epoch - 1, 3).await.unwrap();
    let after = store.take(&lane()).await.unwrap();
    assert_eq!(after.unpublished.len(), taken.unpublished.len(), "an old owner marks nothing");
    store.published(&lane(), after.epoch, 3).await.unwrap();
    assert_eq!(store.take(&lane()).await.unwrap().unpublished, []);
}

fn run(id: &str) -> Slot {
    Slot::new(Space::Runs, "saga", id.to_owned())
}

fn at_status(status: Status) -> Option<Value> {
    Some(Value { body: status.name().into(), status: Some(status) })
}

async fn listed(store: &dyn Store, status: Option<Status>, limit: u32) -> Vec<(String, Status)> {
    let rows = store.runs("saga", status, limit).await.unwrap();
    assert!(rows.iter().all(|row| row.saga == "saga" && row.body == row.status.name()));
    rows.into_iter().map(|row| (row.run, row.status)).collect()
}

pub async fn an_ended_run_is_still_found_and_listed<P: Pair>() {
    let pair = P::fresh(NOON).await;
    put(&*pair.store(), [(run("1"), at_status(Status::Running))]).await;
    for status in [Status::Compensating, Status::NeedsAttention, Status::Compensated] {
        put(&*pair.store(), [(run("1"), at_status(status))]).await;
        let found = pair.store().find(&BTreeSet::from([run("1")]), &BTreeSet::new()).await;
        assert_eq!(found.unwrap().slots[&run("1")], status.name());
        assert_eq!(listed(&*pair.store(), None, 10).await, [("1".to_owned(), status)]);
    }
    let pair = pair.reopen().await;
    let running = listed(&*pair.store(), Some(Status::Running), 10).await;
    assert_eq!(running, []);
    put(&*pair.store(), [(run("1"), at_status(Status::Running))]).await;
    let both = listed(&*pair.store(), None, 10).await;
    assert_eq!(both, [("1".to_owned(), Status::Running)], "it is in one place");
    put(&*pair.store(), [(run("1"), at_status(Status::Completed))]).await;
    put(&*pair.store(), [(run("1"), None)]).await;
    assert_eq!(listed(&*pair.store(), None, 10).await, []);
}

pub async fn runs_are_listed_newest_first<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let ends = [Status::Running, Status::Completed, Status::Running, Status::Completed];
    for (n, status) in (1_u32..).zip(ends) {
        pair.set_time(NOON.after(std::time::Duration::from_secs(n.into())));
        put(&*pair.store(), [(run(&n.to_string()), at_status(Status::Running))]).await;
        put(&*pair.store(), [(run(&n.to_string()), at_status(status))]).await;
    }
    let other = Slot::new(Space::Runs, "other", "9");
    put(&*pair.store(), [(other, at_status(Status::Running))]).await;
    let pair = pair.reopen().await;
    let ids = |rows: Vec<(String, Status)>| rows.into_iter().map(|row| row.0).collect::<String>();
    assert_eq!(ids(listed(&*pair.store(), None, 10).await), "4321");
    assert_eq!(ids(listed(&*pair.store(), None, 3).await), "432");
    assert_eq!(ids(listed(&*pair.store(), Some(Status::Completed), 10).await), "42");
    assert_eq!(ids(listed(&*pair.store(), Some(Status::Running), 1).await), "3");
}

pub async fn dead_letters_are_listed_newest_first<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let all = vec![dead(1, "group", 1), dead(3, "other", 3), dead(2, "group", 2)];
    write(&*pair.store(), &lane(), Writes { dead: all.clone(), ..Writes::default() }).await;
    let pair = pair.reopen().await;
    let store = pair.store();
    let newest = [all[1].clone(), all[2].clone()];
    assert_eq!(store.dead_letters(None, 2).await.unwrap(), newest);
    let of_group = [all[2].clone(), all[0].clone()];
    assert_eq!(store.dead_letters(Some("group"), 10).await.unwrap(), of_group);
}

pub async fn a_dead_letter_is_found_by_its_id<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let all = vec![dead(1, "group", 1), dead(2, "other", 2)];
    write(&*pair.store(), &lane(), Writes { dead: all.clone(), ..Writes::default() }).await;
    let pair = pair.reopen().await;
    let store = pair.store();
    for letter in all {
        assert_eq!(store.dead_letter(letter.id).await.unwrap(), Some(letter));
    }
    let nobody = ballet::id::derived(&["no letter"]);
    assert_eq!(store.dead_letter(nobody).await.unwrap(), None);
}

pub async fn a_batch_sees_what_the_one_before_it_wrote<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let mut taken = store.take(&lane()).await.unwrap();
    for n in 0..20_u64 {
        let advance = Advance { positions: at("t", n), ..next(&lane(), &taken) };
        let mut batch = begin(&*store, &advance).await;
        let slots = BTreeMap::from([(row("k"), Lock::Change)]);
        let found = batch.read(&slots, &BTreeSet::new()).await.unwrap().slots;
        let before = found.get(&row("k")).map(|body| body[0]);
        assert_eq!(before, n.checked_sub(1).map(|n| n.to_le_bytes()[0]));
        let slots = BTreeMap::from([(row("k"), plain(n.to_le_bytes().to_vec()))]);
        batch.flush(Writes { slots, ..Writes::default() }).await.unwrap();
        batch.commit().await.unwrap();
        taken.batch += 1;
    }
}

fn writes_at_k(value: &'static str) -> Writes {
    Writes { slots: BTreeMap::from([(row("k"), plain(value))]), ..Writes::default() }
}

pub async fn a_batch_follows_on_one_that_is_only_precommitted<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let (taken, mut first) = open(&*store, &lane()).await;
    let writes = Writes { inbox: vec![(lane(), entry("entry", "x"))], ..writes_at_k("one") };
    first.flush(writes).await.unwrap();
    let mut commit = first.precommit().await.unwrap();
    let advance = Advance { batch: 1, ..next(&lane(), &taken) };
    let mut second = begin(&*store, &advance).await;
    let slots = BTreeMap::from([(row("k"), Lock::Change)]);
    assert_eq!(second.read(&slots, &BTreeSet::new()).await.unwrap().slots[&row("k")], "one");
    assert_eq!(second.inbox(9).await.unwrap().len(), 1);
    second.flush(writes_at_k("two")).await.unwrap();
    second.precommit().await.unwrap().done().await.unwrap();
    commit.done().await.unwrap();
    let pair = pair.reopen().await;
    let found = pair.store().find(&BTreeSet::from([row("k")]), &BTreeSet::new()).await.unwrap();
    assert_eq!(found.slots[&row("k")], "two");
    assert_eq!(pair.store().take(&lane()).await.unwrap().batch, 2);
}

pub async fn whoever_lost_the_lane_cannot_precommit<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let (taken, mut first) = open(&*store, &lane()).await;
    first.flush(writes_at_k("one")).await.unwrap();
    first.precommit().await.unwrap().done().await.unwrap();
    store.take(&lane()).await.unwrap();
    let advance = Advance { batch: 1, ..next(&lane(), &taken) };
    let told = match store.begin(&advance).await.unwrap() {
        Begun::Lost { .. } => ErrorKind::Superseded,
        Begun::Open(mut second) => {
            second.flush(writes_at_k("two")).await.unwrap();
            second.precommit().await.unwrap_err().kind()
        }
    };
    assert_eq!(told, ErrorKind::Superseded);
}
