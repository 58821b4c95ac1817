//! Rows, runs and barriers: what is at a key, and what lies between two.

use super::{NOON, Pair, begin, lane, next, open, write};
use ballet::store::{Found, LaneId, Lock, Scan, Slot, Space, Store, Value, Writes};
use ballet::{ErrorKind, Key};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// Keys that compare as bytes do and as texts do not.
pub const KEYS: [&[u8]; 8] =
    [b"", b"\x00", b"\x00\x00", b"\x00\xff", b"a", b"a\x00b", b"\xfe\xff", b"\xff\xff\xff\xff"];

pub fn row(key: impl Into<Bytes>) -> Slot {
    Slot::new(Space::Rows, "service.table", key)
}

pub fn plain(body: impl Into<Bytes>) -> Option<Value> {
    Some(Value::plain(body))
}

pub async fn put(store: &dyn Store, slots: impl IntoIterator<Item = (Slot, Option<Value>)>) {
    let writes = Writes { slots: slots.into_iter().collect(), ..Writes::default() };
    write(store, &lane(), writes).await;
}

/// What is at these slots, which a batch and a client must tell alike.
async fn find(store: &dyn Store, slots: &[Slot], scans: &[Scan]) -> Found {
    let scans: BTreeSet<Scan> = scans.iter().cloned().collect();
    let wanted: BTreeSet<Slot> = slots.iter().cloned().collect();
    let found = store.find(&wanted, &scans).await.unwrap();
    let (_, mut batch) = open(store, &lane()).await;
    let locked: BTreeMap<Slot, Lock> =
        slots.iter().cloned().map(|slot| (slot, Lock::Change)).collect();
    let inside = batch.read(&locked, &scans).await.unwrap();
    batch.roll_back().await;
    assert_eq!(found.slots, inside.slots);
    assert_eq!(found.scans, inside.scans);
    found
}

pub async fn a_slot_is_written_read_and_deleted<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    assert_eq!(find(&*store, &[row("k")], &[]).await.slots, BTreeMap::new());
    put(&*store, [(row("k"), plain("one"))]).await;
    assert_eq!(find(&*store, &[row("k"), row("other")], &[]).await.slots[&row("k")], "one");
    put(&*store, [(row("k"), plain("two")), (row("other"), None)]).await;
    assert_eq!(find(&*store, &[row("k")], &[]).await.slots[&row("k")], "two");
    put(&*store, [(row("k"), None)]).await;
    let pair = pair.reopen().await;
    let store = pair.store();
    assert_eq!(find(&*store, &[row("k")], &[]).await.slots, BTreeMap::new());
}

pub async fn keys_and_values_may_be_any_bytes<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let all: Bytes = (0..=255).collect::<Vec<u8>>().into();
    let mut slots: BTreeMap<Slot, Option<Value>> =
        KEYS.iter().map(|key| (row(*key), plain(*key))).collect();
    slots.insert(row(all.clone()), plain(all.clone()));
    put(&*pair.store(), slots.clone()).await;
    let wanted: Vec<Slot> = slots.keys().cloned().collect();
    let pair = pair.reopen().await;
    let found = find(&*pair.store(), &wanted, &[]).await.slots;
    assert_eq!(found.len(), KEYS.len() + 1);
    assert!(found.iter().all(|(slot, body)| slot.key == *body), "{found:?}");
}

/// Text that cannot be pressed together, of so many bytes.
pub fn noise(bytes: usize) -> String {
    let ids =
        (0..).map(|n: usize| ballet::id::derived(&["noise", &n.to_string()]).simple().to_string());
    let noise: String = ids.take(bytes / 32 + 1).collect();
    noise[..bytes].to_owned()
}

/// The longest key of a row, which may be two texts, and of a run, and of what is remembered of a step: it has the names of saga and step in it
/// and the id of the run, and `/back` behind them.
pub async fn the_longest_keys_fit<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let (key, pair_of) = (noise(Key::LONGEST), noise(2 * Key::LONGEST + 7));
    let slots = [
        Slot::new(Space::Rows, "service.table", noise(2 * Key::LONGEST)),
        Slot::new(Space::Runs, "saga", key),
        Slot::new(Space::Barriers, "service", pair_of),
    ];
    put(&*pair.store(), slots.iter().cloned().zip(["rows", "runs", "barriers"].map(plain))).await;
    let pair = pair.reopen().await;
    assert_eq!(find(&*pair.store(), &slots, &[]).await.slots.len(), 3);
}

pub async fn the_three_spaces_do_not_meet<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let spaces = [Space::Rows, Space::Runs, Space::Barriers];
    let slots = spaces.map(|space| Slot::new(space, "t", "k"));
    let bodies = ["rows", "runs", "barriers"];
    put(&*pair.store(), slots.iter().cloned().zip(bodies.map(plain))).await;
    let found = find(&*pair.store(), &slots, &[]).await.slots;
    assert_eq!(slots.each_ref().map(|slot| found[slot].clone()), bodies.map(Bytes::from));
    put(&*pair.store(), [(slots[1].clone(), None)]).await;
    let found = find(&*pair.store(), &slots, &[]).await.slots;
    assert_eq!(found.len(), 2);
    assert!(!found.contains_key(&slots[1]));
}

fn scan(from: &[u8], to: Option<&[u8]>, limit: u32) -> Scan {
    let to = to.map(Bytes::copy_from_slice);
    Scan { table: "service.table".into(), from: Bytes::copy_from_slice(from), to, limit }
}

fn keys(found: &Found, scan: &Scan) -> Vec<Bytes> {
    found.scans[scan].iter().map(|(key, _)| key.clone()).collect()
}

pub async fn a_scan_gives_rows_in_order_of_their_keys<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    put(&*store, KEYS.iter().rev().map(|key| (row(*key), plain(*key)))).await;
    let strange = Slot::new(Space::Rows, "service.tabl", "x");
    let stranger = Slot::new(Space::Rows, "service.tables", "x");
    put(&*store, [(strange, plain("x")), (stranger, plain("x"))]).await;
    let all = scan(b"", None, u32::MAX);
    let found = find(&*store, &[], std::slice::from_ref(&all)).await;
    assert_eq!(keys(&found, &all), KEYS);
    assert!(found.scans[&all].iter().all(|(key, value)| key == value));
}

pub async fn a_scan_stops_at_its_bounds_and_at_its_limit<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    put(&*store, KEYS.iter().map(|key| (row(*key), plain(*key)))).await;
    let scans = [
        scan(b"\x00\x00", Some(b"a\x00b"), 100),
        scan(b"\x00\x00", Some(b"a\x00b"), 2),
        scan(b"\x00\x01", None, 1),
        scan(b"b", Some(b"b"), 100),
        scan(b"z", Some(b"b"), 100),
        scan(b"", None, 0),
        scan(b"\xff\xff\xff\xff\xff", None, 100),
        Scan { table: "nobody.knows".into(), ..scan(b"", None, 100) },
    ];
    let found = find(&*store, &[row("a")], &scans).await;
    let told = scans.each_ref().map(|scan| keys(&found, scan));
    assert_eq!(told[0], [&b"\x00\x00"[..], b"\x00\xff", b"a"]);
    assert_eq!(told[1], [&b"\x00\x00"[..], b"\x00\xff"]);
    assert_eq!(told[2], [&b"\x00\xff"[..]]);
    assert!(told[3..].iter().all(Vec::is_empty), "{told:?}");
    assert_eq!(found.slots[&row("a")], "a");
}

pub async fn five_hundred_rows_are_written_and_read_at_once<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let slots: Vec<Slot> = (0..500_u32).map(|n| row(n.to_be_bytes().to_vec())).collect();
    put(&*pair.store(), slots.iter().map(|slot| (slot.clone(), plain(slot.key.clone())))).await;
    let all = scan(b"", None, 499);
    let pair = pair.reopen().await;
    let found = find(&*pair.store(), &slots, std::slice::from_ref(&all)).await;
    assert_eq!((found.slots.len(), found.scans[&all].len()), (500, 499));
    assert!(found.slots.iter().all(|(slot, body)| slot.key == *body));
}

pub async fn a_value_of_a_mebibyte_comes_back_whole<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let large: Bytes = (0..1 << 20).map(|n: u32| n.to_le_bytes()[1]).collect::<Vec<u8>>().into();
    put(&*pair.store(), [(row("k"), plain(large.clone()))]).await;
    let pair = pair.reopen().await;
    let found = find(&*pair.store(), &[row("k")], &[]).await;
    assert_eq!(found.slots[&row("k")], large);
}

/// Adds one to a row, as often as that, as one lane of the group. A store that cannot lock a row that is
/// not there yet takes back all but one of those who write it at once, and they try again.
async fn count_up(store: &dyn Store, lane: LaneId, times: u64) {
    let mut taken = store.take(&lane).await.unwrap();
    let slot = row("counter");
    while taken.batch < times {
        let mut batch = begin(store, &next(&lane, &taken)).await;
        let wanted = BTreeMap::from([(slot.clone(), Lock::Change)]);
        let found = batch.read(&wanted, &BTreeSet::new()).await.unwrap();
        let count = found.slots.get(&slot).map_or(0, number);
        // Whoever could come in between, comes now.
        tokio::task::yield_now().await;
        let slots = BTreeMap::from([(slot.clone(), plain((count + 1).to_string()))]);
        if let Err(told) = batch.flush(Writes { slots, ..Writes::default() }).await {
            assert_eq!((count, told.kind()), (0, ErrorKind::Store), "{told}");
            batch.roll_back().await;
            continue;
        }
        batch.commit().await.unwrap();
        taken.batch += 1;
    }
}

fn number(body: &Bytes) -> u64 {
    std::str::from_utf8(body).unwrap().parse().unwrap()
}

pub async fn lanes_that_change_the_same_row_do_so_one_after_the_other<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let count = |lane| count_up(&*store, LaneId::new("group", lane), 10);
    tokio::join!(count(0), count(1), count(2));
    assert_eq!(number(&at_slot(&*store, &row("counter")).await), 30);
}

async fn at_slot(store: &dyn Store, slot: &Slot) -> Bytes {
    let found = store.find(&BTreeSet::from([slot.clone()]), &BTreeSet::new()).await.unwrap();
    found.slots[slot].clone()
}
