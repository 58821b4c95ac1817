//! Who owns a lane, where it stands, and what time it is there.

use super::slots::{plain, row};
use super::{NOON, Pair, at, begin, lane, next, open};
use ballet::ErrorKind;
use ballet::clock::Time;
use ballet::store::{Advance, Begun, LaneId, Position, Slot, Space, Value, Writes};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub async fn taking_a_lane_raises_its_epoch<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let first = pair.store().take(&lane()).await.unwrap();
    let second = pair.store().take(&lane()).await.unwrap();
    assert_eq!((first.epoch, first.batch, first.time), (1, 0, NOON));
    assert_eq!((second.epoch, second.batch), (2, 0));
    let third = pair.reopen().await.store().take(&lane()).await.unwrap();
    assert_eq!(third.epoch, 3);
}

pub async fn whoever_lost_the_lane_is_told_so_with_epoch_and_batch<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let old = store.take(&lane()).await.unwrap();
    let (new, batch) = open(&*store, &lane()).await;
    batch.commit().await.unwrap();
    let Begun::Lost { epoch, batch } = store.begin(&next(&lane(), &old)).await.unwrap() else {
        panic!("the old owner went on")
    };
    assert_eq!((epoch, batch), (new.epoch, 1));
    assert_eq!(store.take(&lane()).await.unwrap().batch, 1);
}

pub async fn whoever_lost_the_lane_cannot_begin_even_what_nobody_else_has_begun<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let old = store.take(&lane()).await.unwrap();
    let new = store.take(&lane()).await.unwrap();
    let Begun::Lost { epoch, batch } = store.begin(&next(&lane(), &old)).await.unwrap() else {
        panic!("the old owner went on")
    };
    assert_eq!((epoch, batch), (new.epoch, 0));
}

pub async fn of_two_batches_with_the_same_number_one_is_committed<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let taken = store.take(&lane()).await.unwrap();
    let one = begin(&*store, &next(&lane(), &taken)).await;
    let advance = next(&lane(), &taken);
    let other = async {
        match store.begin(&advance).await.unwrap() {
            Begun::Lost { epoch, batch } => {
                assert_eq!((epoch, batch), (taken.epoch, 1));
                Err(ErrorKind::Superseded)
            }
            Begun::Open(mut other) => {
                let slots = BTreeMap::from([(row("k"), plain("the other's"))]);
                other.flush(Writes { slots, ..Writes::default() }).await.unwrap();
                other.commit().await.map_err(|told| told.kind())
            }
        }
    };
    let one = async { one.commit().await.map_err(|told| told.kind()) };
    // Whoever is too late is told when it begins, or at the latest when it would be committed.
    let (one, other) = tokio::join!(one, other);
    let superseded = Err(ErrorKind::Superseded);
    assert!(
        (one, other) == (Ok(()), superseded) || (one, other) == (superseded, Ok(())),
        "{one:?} {other:?}"
    );
    let Begun::Lost { epoch, batch } = store.begin(&advance).await.unwrap() else {
        panic!("a third began")
    };
    assert_eq!((epoch, batch), (taken.epoch, 1));
    let found = store.find(&BTreeSet::from([row("k")]), &BTreeSet::new()).await.unwrap();
    assert_eq!(
        found.slots.is_empty(),
        other.is_err(),
        "all of the one is there, and of the other nothing"
    );
}

pub async fn time_never_goes_backwards<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let (taken, batch) = open(&*store, &lane()).await;
    assert_eq!((taken.time, batch.now()), (NOON, NOON));
    batch.commit().await.unwrap();
    pair.set_time(Time::from_micros(NOON.micros() - 5_000_000));
    let (taken, batch) = open(&*store, &lane()).await;
    assert_eq!((taken.time, batch.now()), (NOON, NOON));
    batch.commit().await.unwrap();
    let later = NOON.after(Duration::from_secs(1));
    pair.set_time(later);
    let (_, batch) = open(&*store, &lane()).await;
    assert_eq!(batch.now(), later);
    batch.commit().await.unwrap();
    let pair = pair.reopen().await;
    pair.set_time(NOON);
    assert_eq!(pair.store().take(&lane()).await.unwrap().time, later);
}

pub async fn a_group_begins_where_it_was_registered_first<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    store.register(&lane(), &at("a", 7)).await.unwrap();
    store.register(&lane(), &at("a", 9)).await.unwrap();
    store.register(&lane(), &at("b", 3)).await.unwrap();
    let taken = pair.reopen().await.store().take(&lane()).await.unwrap();
    assert_eq!(taken.positions["a"], Position { next: 7, from: 0 });
    assert_eq!(taken.positions["b"], Position { next: 3, from: 0 });
    assert_eq!((taken.epoch, taken.batch), (1, 0));
}

pub async fn positions_of_other_topics_stay_as_they_are<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    store.register(&lane(), &at("a", 7)).await.unwrap();
    let taken = store.take(&lane()).await.unwrap();
    let read = BTreeMap::from([("b \"quoted\"".to_owned(), Position { next: 5, from: 2 })]);
    let advance = Advance { positions: read, ..next(&lane(), &taken) };
    begin(&*store, &advance).await.commit().await.unwrap();
    let taken = pair.reopen().await.store().take(&lane()).await.unwrap();
    assert_eq!(taken.positions["a"].next, 7);
    assert_eq!(taken.positions["b \"quoted\""], Position { next: 5, from: 2 });
}

pub async fn lanes_do_not_meet<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let lanes = [LaneId::new("a", 0), LaneId::new("a", 1), LaneId::new("b", 0)];
    for (seq, lane) in (1..).zip(&lanes) {
        let (_, mut batch) = open(&*store, lane).await;
        let sent = BTreeMap::from([(("t".into(), 0), seq)]);
        batch.flush(Writes { sent, ..Writes::default() }).await.unwrap();
        batch.commit().await.unwrap();
    }
    for (seq, lane) in (1..).zip(&lanes) {
        let taken = store.take(lane).await.unwrap();
        assert_eq!((taken.epoch, taken.batch), (2, 1));
        assert_eq!(taken.sent, BTreeMap::from([(("t".into(), 0), seq)]));
    }
}

pub async fn a_snapshot_tells_where_a_group_stands_and_what_a_table_holds<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let other = LaneId::new("other", 0);
    for lane in [lane(), LaneId::new("group", 1), other] {
        let taken = store.take(&lane).await.unwrap();
        let position = Position { next: u64::from(lane.lane) + 7, from: 3 };
        let positions = BTreeMap::from([("topic".to_owned(), position)]);
        let mut batch = begin(&*store, &Advance { positions, ..next(&lane, &taken) }).await;
        let mut writes = Writes::default();
        for key in ["b", "a"] {
            let slot = Slot::new(Space::Rows, &*lane.group, format!("{key}{}", lane.lane));
            writes.slots.insert(slot, Some(Value::plain(lane.to_string())));
        }
        batch.flush(writes).await.unwrap();
        batch.commit().await.unwrap();
    }
    let found = store.snapshot("group", Some("group")).await.unwrap();
    let next: Vec<_> = found.positions.iter().map(|(lane, at)| (*lane, at["topic"].next)).collect();
    assert_eq!(next, [(0, 7), (1, 8)]);
    assert_eq!(found.positions[&0]["topic"].from, 3);
    let keys: Vec<_> = found.rows.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys, ["a0", "a1", "b0", "b1"]);
    assert_eq!(store.snapshot("other", None).await.unwrap().rows, []);
    assert!(store.snapshot("nobody", Some("nobody")).await.unwrap().positions.is_empty());

    // Step by step: first the rows, then the lanes.
    let first = store.forget("group", 3).await.unwrap();
    assert_eq!((first.deleted, first.is_done), (3, false));
    assert_eq!(store.snapshot("group", Some("group")).await.unwrap().rows.len(), 1);
    assert!(store.forget("group", 3).await.unwrap().is_done);
    let left = store.snapshot("group", Some("group")).await.unwrap();
    assert!(left.rows.is_empty() && left.positions.is_empty());
    let beside = store.snapshot("other", Some("other")).await.unwrap();
    assert_eq!((beside.rows.len(), beside.positions.len()), (2, 1), "others keep what they have");
    assert_eq!(store.take(&lane()).await.unwrap().batch, 0, "it begins as if it had never been");
}
