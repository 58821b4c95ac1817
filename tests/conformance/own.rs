//! What the owner of a lane alone writes: it is read without a lock, taken for absent where nothing should
//! be, and written without having been read.

use super::slots::{plain, put};
use super::{NOON, Pair, begin, lane, next, open};
use ballet::ErrorKind;
use ballet::store::{
    Advance, Begun, Known, LaneId, Lock, Slot, Space, Status, Store, Value, Writes,
};
use std::collections::{BTreeMap, BTreeSet};

fn barrier() -> Slot {
    Slot::new(Space::Barriers, "group", "k")
}

fn run() -> Slot {
    Slot::new(Space::Runs, "saga", "k")
}

fn of_status(status: Status) -> Option<Value> {
    Some(Value { body: status.name().into(), status: Some(status) })
}

/// A batch that writes this at slots of which so much is known, beside a barrier of its own.
fn knowing(known: Known, slots: impl IntoIterator<Item = (Slot, Option<Value>)>) -> Writes {
    let mut slots: BTreeMap<Slot, Option<Value>> = slots.into_iter().collect();
    let known = slots.keys().map(|slot| (slot.clone(), known)).collect();
    slots.insert(Slot::new(Space::Barriers, "group", "beside"), plain("x"));
    Writes { slots, known, ..Writes::default() }
}

/// Writes it in the next batch of the lane.
async fn try_write(store: &dyn Store, advance: &Advance, writes: Writes) -> Result<(), ErrorKind> {
    let mut batch = begin(store, advance).await;
    let flushed = batch.flush(writes).await;
    match flushed {
        Ok(()) => batch.commit().await.map_err(|told| told.kind()),
        Err(told) => {
            batch.roll_back().await;
            Err(told.kind())
        }
    }
}

async fn found(store: &dyn Store) -> BTreeMap<String, String> {
    let beside = Slot::new(Space::Barriers, "group", "beside");
    let wanted = BTreeSet::from([barrier(), run(), beside]);
    let found = store.find(&wanted, &BTreeSet::new()).await.unwrap().slots;
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
    found.iter().map(|(slot, body)| (format!("{slot:?}"), text(body))).collect()
}

/// The lane as it stands, and its next batch.
async fn owned(store: &dyn Store) -> Advance {
    next(&lane(), &store.take(&lane()).await.unwrap())
}

pub async fn what_is_taken_for_absent_and_is_so_is_written<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let slots = [(barrier(), plain("b")), (run(), of_status(Status::Running))];
    let advance = owned(&*store).await;
    try_write(&*store, &advance, knowing(Known::Absent, slots)).await.unwrap();
    assert_eq!(found(&*store).await.len(), 3);
    let listed = store.runs("saga", None, 9).await.unwrap();
    assert_eq!(listed.iter().map(|row| row.status).collect::<Vec<_>>(), [Status::Running]);
}

pub async fn what_is_taken_for_absent_may_end_at_once<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let advance = owned(&*store).await;
    let ended = [(run(), of_status(Status::Completed))];
    try_write(&*store, &advance, knowing(Known::Absent, ended)).await.unwrap();
    let listed = store.runs("saga", None, 9).await.unwrap();
    assert_eq!(listed.iter().map(|row| row.status).collect::<Vec<_>>(), [Status::Completed]);
}

/// Whatever is there and whatever should replace it: the batch fails, says so, and has written nothing. The
/// next one, which knows better, succeeds.
pub async fn what_is_taken_for_absent_and_is_there_fails_and_leaves_nothing<P: Pair>() {
    let runs = [Status::Running, Status::Completed];
    for before in runs {
        for after in runs {
            refuses::<P>((run(), of_status(before)), of_status(after)).await;
        }
    }
    refuses::<P>((barrier(), plain("before")), plain("after")).await;
}

async fn refuses<P: Pair>(before: (Slot, Option<Value>), after: Option<Value>) {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let slot = before.0.clone();
    put(&*store, [before]).await;
    let was = found(&*store).await;
    let advance = owned(&*store).await;
    let writes = |known| knowing(known, [(slot.clone(), after.clone())]);
    let told = try_write(&*store, &advance, writes(Known::Absent)).await;
    assert_eq!((told, found(&*store).await), (Err(ErrorKind::Store), was), "{slot:?} {after:?}");
    let knows = Writes { known: BTreeMap::new(), ..writes(Known::Absent) };
    try_write(&*store, &advance, knows).await.unwrap();
    assert_eq!(found(&*store).await.len(), 2);
}

pub async fn a_run_that_is_known_to_go_on_goes_on_and_ends_without_being_read<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    put(&*store, [(run(), of_status(Status::Running))]).await;
    let mut advance = owned(&*store).await;
    for status in [Status::Compensating, Status::Compensated] {
        let writes = knowing(Known::Here, [(run(), of_status(status))]);
        try_write(&*store, &advance, writes).await.unwrap();
        advance.batch += 1;
        let listed = store.runs("saga", None, 9).await.unwrap();
        assert_eq!(listed.iter().map(|row| row.status).collect::<Vec<_>>(), [status]);
    }
    assert_eq!(found(&*store).await[&format!("{:?}", run())], "compensated");
}

pub async fn what_is_the_lanes_own_is_read_and_changed_without_a_lock<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    put(&*store, [(barrier(), plain("one"))]).await;
    let (_, mut batch) = open(&*store, &lane()).await;
    let wanted = BTreeMap::from([(barrier(), Lock::Own), (run(), Lock::Own)]);
    let seen = batch.read(&wanted, &BTreeSet::new()).await.unwrap().slots;
    assert_eq!(seen, BTreeMap::from([(barrier(), "one".into())]));
    let slots = BTreeMap::from([(barrier(), plain("two")), (run(), of_status(Status::Running))]);
    batch.flush(Writes { slots, ..Writes::default() }).await.unwrap();
    batch.commit().await.unwrap();
    assert_eq!(found(&*store).await.into_values().collect::<Vec<_>>(), ["two", "running"]);
}

/// Whoever was replaced while it worked, and has asked the store nothing meanwhile, learns it at the latest
/// when it commits, and has written nothing.
pub async fn whoever_is_replaced_in_the_middle_of_a_batch_has_written_nothing<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let mut advance = owned(&*store).await;
    // Its batches after the first may begin without a word to the store.
    try_write(&*store, &advance, Writes::default()).await.unwrap();
    advance.batch += 1;
    let mut batch = begin(&*store, &advance).await;
    let replaced = async {
        store.take(&lane()).await.unwrap();
    };
    let works = async {
        let slots = [(barrier(), plain("b"))];
        batch.flush(knowing(Known::Absent, slots)).await.unwrap();
        batch.commit().await.map_err(|told| told.kind())
    };
    // A store that holds the lane for the batch lets nobody take it meanwhile.
    let (told, ()) = tokio::join!(works, replaced);
    let is_fenced = told == Err(ErrorKind::Superseded);
    assert_eq!(found(&*store).await.len(), if is_fenced { 0 } else { 2 }, "{told:?}");
    let again = store.begin(&advance).await.unwrap();
    assert!(matches!(again, Begun::Lost { .. }), "the lane is another's");
}

/// The same for a lane that another process has taken long before.
pub async fn an_owner_that_was_replaced_between_batches_commits_nothing<P: Pair>() {
    let pair = P::fresh(NOON).await;
    let store = pair.store();
    let lane = LaneId::new("group", 1);
    let taken = store.take(&lane).await.unwrap();
    let advance = next(&lane, &taken);
    try_write(&*store, &advance, Writes::default()).await.unwrap();
    store.take(&lane).await.unwrap();
    let advance = Advance { batch: advance.batch + 1, ..advance };
    let told = match store.begin(&advance).await.unwrap() {
        Begun::Lost { .. } => return,
        Begun::Open(mut batch) => {
            batch.flush(knowing(Known::Absent, [(barrier(), plain("b"))])).await.unwrap();
            batch.commit().await.map_err(|told| told.kind())
        }
    };
    assert_eq!(told, Err(ErrorKind::Superseded));
    assert!(found(&*store).await.is_empty());
}
