//! What is old is deleted in short steps, and what is still needed is not, however old it is.

use super::{NOON, Pair, at, begin, lane, next, open, outgoing, write};
use ballet::Key;
use ballet::broker::{Broker, Range, TopicSpec};
use ballet::clock::Time;
use ballet::message::Outgoing;
use ballet::store::{
    Advance, DeadLetter, Inboxed, Kept, LaneId, Slot, Space, Status, Store, Value, Writes,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn days(count: u32) -> Time {
    NOON.after(DAY * count)
}

/// Deletes what is more than a day old, a few things a step, and says how much that was.
async fn prune(store: &dyn Store, kind: Kept) -> u64 {
    let mut deleted = 0;
    for _ in 0..100 {
        let step = store.prune(kind, DAY, 3).await.unwrap();
        deleted += step.deleted;
        if step.is_done {
            return deleted;
        }
    }
    panic!("a round of {kind:?} does not end");
}

async fn topic(broker: &dyn Broker, name: &str, compacted: bool) {
    let spec = TopicSpec { name: name.into(), partitions: 2, compacted };
    broker.ensure(&spec).await.unwrap();
}

/// Ten messages of a topic's first partition, of three keys in turn.
fn ten(topic: &str) -> Vec<Outgoing> {
    let one = |seq: u64| {
        let mut out = outgoing(topic, 0, seq, "{}");
        out.message.envelope_mut().key = Key::new(format!("k{}", seq % 3));
        out
    };
    (1..=10).map(one).collect()
}

/// Says ten messages, one at a time: what is said together may go together.
async fn say_ten(broker: &dyn Broker) {
    for message in ten("t") {
        broker.produce(&[&[message]]).await.unwrap();
    }
}

/// The offsets that a new reader of a new process is given: what is in memory may be read longer.
async fn offsets(broker: &dyn Broker, topic: &str) -> Vec<u64> {
    let topics = BTreeSet::from([topic.to_owned()]);
    let member = broker.join(&format!("reader of {topic}"), &topics, 2).await.unwrap();
    let mut reader = member.reader(0);
    reader.seek(&BTreeMap::from([(topic.to_owned(), 0)]));
    let Range { start, end } = broker.range(topic, 0).await.unwrap();
    assert!(start < end, "the newest message stays");
    let mut offsets = Vec::new();
    while offsets.last().is_none_or(|last| last + 1 < end) {
        let arrived = reader.next(100).await.unwrap();
        offsets.extend(arrived.into_iter().map(|arrived| arrived.offset));
    }
    offsets
}

async fn exists(store: &dyn Store, slot: &Slot) -> bool {
    let found = store.find(&BTreeSet::from([slot.clone()]), &BTreeSet::new()).await.unwrap();
    found.slots.contains_key(slot)
}

/// Messages that everybody has read go, but for the newest; the next offset is known after a restart.
pub async fn old_messages_go_when_every_group_has_read_them<P: Pair>() {
    let pair = P::fresh(NOON).await;
    topic(&*pair.broker(), "t", false).await;
    say_ten(&*pair.broker()).await;
    pair.set_time(days(2));
    assert_eq!(prune(&*pair.store(), Kept::Log).await, 9);
    let pair = pair.reopen().await;
    assert_eq!(pair.broker().range("t", 0).await.unwrap(), Range { start: 9, end: 10 });
    pair.broker().produce(&[&[outgoing("t", 0, 11, "{}")]]).await.unwrap();
    assert_eq!(offsets(&*pair.broker(), "t").await, [9, 10]);
}

pub async fn young_messages_stay<P: Pair>() {
    let pair = P::fresh(NOON).await;
    topic(&*pair.broker(), "t", false).await;
    say_ten(&*pair.broker()).await;
    pair.set_time(days(2));
    say_ten(&*pair.broker()).await;
    assert_eq!(prune(&*pair.store(), Kept::Log).await, 10);
    let pair = pair.reopen().await;
    assert_eq!(offsets(&*pair.broker(), "t").await, (10..20).collect::<Vec<u64>>());
}

/// Nothing that was acknowledged is lost because somebody was away: what a group has not read stays,
/// until it is so old that nobody waits for it any more.
pub async fn messages_that_a_group_has_not_read_stay_until_they_are_given_up<P: Pair>() {
    let pair = P::fresh(NOON).await;
    topic(&*pair.broker(), "t", false).await;
    say_ten(&*pair.broker()).await;
    pair.store().register(&LaneId::new("slow", 0), &at("t", 4)).await.unwrap();
    pair.store().register(&LaneId::new("quick", 0), &at("t", 8)).await.unwrap();
    pair.store().register(&LaneId::new("other", 1), &at("t", 0)).await.unwrap();
    pair.set_time(days(2));
    assert_eq!(prune(&*pair.store(), Kept::Log).await, 4);
    let pair = pair.reopen().await;
    assert_eq!(offsets(&*pair.broker(), "t").await, (4..10).collect::<Vec<u64>>());
    assert_eq!(prune(&*pair.store(), Kept::Unread).await, 5);
    let pair = pair.reopen().await;
    assert_eq!(offsets(&*pair.broker(), "t").await, [9]);
}

/// A view that begins from the beginning finds the newest message of every key, whatever its age.
pub async fn of_a_compacted_topic_the_newest_message_of_each_key_stays<P: Pair>() {
    let pair = P::fresh(NOON).await;
    topic(&*pair.broker(), "t", true).await;
    say_ten(&*pair.broker()).await;
    pair.set_time(days(2));
    let again = outgoing("t", 0, 11, "{}"); // of another key
    pair.broker().produce(&[&[again]]).await.unwrap();
    assert_eq!(prune(&*pair.store(), Kept::Log).await, 7);
    assert_eq!(prune(&*pair.store(), Kept::Unread).await, 0);
    let pair = pair.reopen().await;
    assert_eq!(offsets(&*pair.broker(), "t").await, [7, 8, 9, 10]);
}

pub async fn runs_that_ended_long_ago_go_and_others_stay<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let run = |saga: &str, run: &str| Slot::new(Space::Runs, saga, run.to_owned());
    let of = |status| Some(Value { body: "{}".into(), status: Some(status) });
    let mut slots = BTreeMap::new();
    for number in 0..10 {
        slots.insert(run("sale", &format!("ended {number}")), of(Status::Completed));
        slots.insert(run("trip", &format!("ended {number}")), of(Status::Compensated));
    }
    slots.insert(run("sale", "goes on"), of(Status::Running));
    slots.insert(run("sale", "ends late"), of(Status::NeedsAttention));
    write(&*pair.store(), &lane(), Writes { slots, ..Writes::default() }).await;
    pair.set_time(days(2));
    let late = (run("sale", "ends late"), of(Status::Completed));
    let writes = Writes { slots: BTreeMap::from([late]), ..Writes::default() };
    write(&*pair.store(), &lane(), writes).await;

    assert_eq!(prune(&*pair.store(), Kept::Archive).await, 20);
    assert!(!exists(&*pair.store(), &run("sale", "ended 3")).await);
    assert!(exists(&*pair.store(), &run("sale", "goes on")).await);
    assert!(exists(&*pair.store(), &run("sale", "ends late")).await);
}

/// The age of a barrier counts from when it was written last; one of a call or a wait that goes on has
/// none, and neither have rows of services.
pub async fn barriers_and_foreign_ids_go_when_they_are_old<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let slot = |space, number: u32| Slot::new(space, "service.t", format!("{number}"));
    let value = Some(Value::plain("{}"));
    let both = |number| [slot(Space::Barriers, number), slot(Space::Rows, number)];
    let mut slots: BTreeMap<_, _> =
        (0..10).flat_map(both).map(|slot| (slot, value.clone())).collect();
    slots.insert(slot(Space::Barriers, 10), Some(Value::open("{}")));
    let seen = (0..10).map(|number| format!("id {number}")).collect();
    write(&*pair.store(), &lane(), Writes { slots, seen, ..Writes::default() }).await;
    pair.set_time(days(2));
    let slots = BTreeMap::from([(slot(Space::Barriers, 7), value)]);
    let seen = vec!["id 10".to_owned()];
    write(&*pair.store(), &lane(), Writes { slots, seen, ..Writes::default() }).await;

    assert_eq!(prune(&*pair.store(), Kept::Barriers).await, 9);
    assert_eq!(prune(&*pair.store(), Kept::Seen).await, 10);
    assert!(exists(&*pair.store(), &slot(Space::Barriers, 7)).await);
    assert!(exists(&*pair.store(), &slot(Space::Barriers, 10)).await);
    assert!(exists(&*pair.store(), &slot(Space::Rows, 3)).await);
    let (_, mut batch) = open(&*pair.store(), &lane()).await;
    let asked = BTreeSet::from(["id 3".to_owned(), "id 10".to_owned()]);
    assert_eq!(batch.seen(&asked).await.unwrap(), BTreeSet::from(["id 10".to_owned()]));
    batch.roll_back().await;
}

pub async fn dead_letters_go_when_they_are_old<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let letter = |number: u32, at| DeadLetter {
        id: ballet::id::derived(&["letter", &number.to_string()]),
        lane: lane(),
        key: Key::new("k"),
        reason: "it is broken".into(),
        at,
        attempts: 1,
        body: "{}".into(),
    };
    let mut dead: Vec<DeadLetter> = (0..10).map(|number| letter(number, NOON)).collect();
    dead.push(letter(10, days(2)));
    write(&*pair.store(), &lane(), Writes { dead, ..Writes::default() }).await;
    pair.set_time(days(2));
    assert_eq!(prune(&*pair.store(), Kept::DeadLetters).await, 10);
    let left = pair.store().dead_letters(None, 100).await.unwrap();
    assert_eq!(left, [letter(10, days(2))]);
}

/// A batch that did not reach the broker is never forgotten, however old it is.
pub async fn batches_go_only_when_they_have_reached_the_broker<P: Pair>() {
    let pair = P::fresh(NOON).await;
    topic(&*pair.broker(), "t", false).await;
    let store = pair.store();
    let mut taken = store.take(&lane()).await.unwrap();
    for message in ten("t").into_iter().take(2) {
        let mut batch = begin(&*store, &next(&lane(), &taken)).await;
        batch.flush(Writes { outgoing: vec![message], ..Writes::default() }).await.unwrap();
        batch.commit().await.unwrap();
        taken.batch += 1;
    }
    let left = store.take(&lane()).await.unwrap();
    store.published(&lane(), left.epoch, left.batch - 1).await.unwrap();
    pair.set_time(days(2));
    prune(&*store, Kept::Outbox).await;
    let waiting: Vec<u64> =
        store.take(&lane()).await.unwrap().unpublished.iter().map(|(batch, _)| *batch).collect();
    let fused = store.is_fused();
    assert_eq!(waiting, if fused { vec![] } else { vec![left.batch] });
}

/// From this a crash loop is known (H13).
pub async fn a_lane_counts_how_often_it_was_taken_since_its_last_batch<P: Pair>() {
    let pair = P::fresh(NOON).await;
    for takes in 1..=3 {
        assert_eq!(pair.store().take(&lane()).await.unwrap().takes, takes);
    }
    let taken = pair.store().take(&lane()).await.unwrap();
    let advance: Advance = next(&lane(), &taken);
    begin(&*pair.store(), &advance).await.roll_back().await;
    assert_eq!(pair.store().take(&lane()).await.unwrap().takes, 5);
    write(&*pair.store(), &lane(), Writes::default()).await;
    let pair = pair.reopen().await;
    assert_eq!(pair.store().take(&lane()).await.unwrap().takes, 1);
}

pub async fn lanes_with_something_in_their_inbox_are_found<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let entry = Inboxed { id: "i".into(), key: Key::new("k"), body: "{}".into() };
    pair.store().take(&lane()).await.unwrap();
    assert!(pair.store().waiting().await.unwrap().is_empty());
    let other = LaneId::new("other", 1);
    pair.store().enter(&other, &entry, None).await.unwrap();
    pair.store().enter(&lane(), &entry, None).await.unwrap();
    assert_eq!(pair.store().waiting().await.unwrap(), BTreeSet::from([lane(), other.clone()]));
    let (_, mut batch) = open(&*pair.store(), &other).await;
    let rows = batch.inbox(10).await.unwrap();
    let inbox_taken = rows.iter().map(|row| row.number).collect();
    batch.flush(Writes { inbox_taken, ..Writes::default() }).await.unwrap();
    batch.commit().await.unwrap();
    assert_eq!(pair.store().waiting().await.unwrap(), BTreeSet::from([lane()]));
}
