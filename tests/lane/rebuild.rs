//! Views are verified against the log, and folded anew while their old rows are read.

use crate::lane::echo::{Said, foreign, stamped};
use crate::lane::shop::{Desk, Placed, dying, order, world};
use ballet::memory::{Fate, Node, Point, World};
use ballet::store::{Advance, Begun, Kept, LaneId, Slot, Space, Value, Writes};
use ballet::{
    App, ErrorKind, Fault, Key, Reactions, Reactor, Running, Settings, Sources, TableKey, Tx, View,
    react,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What was said of each id, and how often it was ordered: two topics, and an order counted twice is seen.
struct Tally;
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Counted {
    words: Vec<u64>,
    orders: u64,
}
impl View for Tally {
    const NAME: &'static str = "tally";
    type Key = String;
    type Row = Counted;
    fn sources() -> Sources<Self> {
        Sources::new()
            .on::<Said>(
                |e| e.id.clone(),
                |row, e| {
                    let mut row: Counted = row.unwrap_or_default();
                    row.words.push(e.n);
                    (e.n > 0).then_some(row)
                },
            )
            .on::<Placed>(
                |e| e.id.clone(),
                |row, _| {
                    let row: Counted = row.unwrap_or_default();
                    Some(Counted { orders: row.orders + 1, ..row })
                },
            )
    }
}

const LONG: Duration = Duration::from_secs(120);

async fn quiet(secs: u64) {
    ballet::clock::rest(Duration::from_secs(secs)).await;
}

/// Three messages at a time, so that much comes in several pieces.
async fn serve(node: &Node) -> Running {
    let settings = Settings { batch: 3, ..Settings::default() };
    let app = App::new(node.store()).broker(node.broker()).settings(settings);
    app.view::<Tally>().reactor(Desk).start().await.expect("the app starts")
}

/// Says `n` of an id, on no edge.
fn say(world: &World, id: &str, n: u64) {
    world.append("t.words", Key::new(id).partition(2), foreign(id, n, None).encode());
}

/// Says 1, 2 and 3 of five ids, orders each once, and takes the third word of the last one back.
async fn fill(world: &World, app: &Running) {
    for id in ["a", "b", "c", "d", "e"] {
        for n in 1..=3 {
            say(world, id, n);
            say(world, id, n);
        }
        app.request(id, &Key::new(id), &order(id, 5)).await.unwrap();
    }
    quiet(2).await;
    say(world, "e", 0);
    quiet(2).await;
}

fn counted(words: &[u64], orders: u64) -> Option<Counted> {
    Some(Counted { words: words.to_vec(), orders })
}

async fn tally(app: &Running, id: &str) -> Option<Counted> {
    app.view::<Tally>(&id.to_owned()).await.unwrap()
}

/// Writes a row behind the back of its owner.
async fn forge(world: &World, table: &str, id: &str, row: Option<&str>) {
    let store = world.node().store();
    let lane = LaneId::new("vandal", 0);
    let taken = store.take(&lane).await.unwrap();
    let (epoch, batch, positions) = (taken.epoch, taken.batch, BTreeMap::new());
    let advance = Advance {
        lane,
        epoch,
        batch,
        positions,
        published: 0,
        said: ballet::clock::Time::default(),
    };
    let Begun::Open(mut batch) = store.begin(&advance).await.unwrap() else { panic!("it is free") };
    let slot = Slot::new(Space::Rows, table, id.to_owned().to_bytes());
    let mut writes = Writes::default();
    writes.slots.insert(slot, row.map(|row| Value::plain(row.to_owned())));
    batch.flush(writes).await.unwrap();
    batch.commit().await.unwrap();
}

async fn verify(app: &Running) -> String {
    app.verify::<Tally>().await.unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_not_what_the_log_says_is_named_and_is_right_after_a_rebuild() {
    let world = world();
    let app = serve(&world.node()).await;
    fill(&world, &app).await;
    assert_eq!(verify(&app).await, "4 rows of 36 messages, of which 0 differ");
    forge(&world, "view.tally", "a", Some(r#"{"words":[7],"orders":1}"#)).await;
    forge(&world, "view.tally", "b", None).await;
    forge(&world, "view.tally", "nobody", Some("{}")).await;
    assert_eq!(
        verify(&app).await,
        "5 rows of 36 messages, of which 3 differ\n\
         a\\x00\\x01: {\"words\":[7],\"orders\":1} is stored, and the log says {\"words\":[1,2,3],\"orders\":1}\n\
         b\\x00\\x01: nothing is stored, and the log says {\"words\":[1,2,3],\"orders\":1}\n\
         nobody\\x00\\x01: {} is stored, and the log says nothing"
    );
    assert!(app.rebuild::<Tally>(LONG).await.unwrap());
    assert_eq!(verify(&app).await, "4 rows of 36 messages, of which 0 differ");
    assert_eq!(tally(&app, "a").await, counted(&[1, 2, 3], 1));
    assert_eq!(tally(&app, "e").await, None);
    quiet(5).await;
    assert!(app.is_ready(), "{:?}", app.health());
    let left = world.node().store().snapshot("view.tally", Some("view.tally")).await.unwrap();
    assert!(left.rows.is_empty() && left.positions.is_empty(), "nothing is left of the old rows");
}

/// The old rows are read and go on until the new ones are complete; what comes meanwhile counts once.
#[tokio::test(start_paused = true)]
async fn what_is_said_during_a_rebuild_counts_once_and_old_rows_are_read_until_it_is_complete() {
    let world = world();
    let stuck = Arc::new(AtomicBool::new(true));
    let gate = Arc::clone(&stuck);
    let node = world.node_with(move |point| match point {
        Point::Begin(LaneId { group, lane: 1 })
            if group == "view.tally~2" && gate.load(Ordering::SeqCst) =>
        {
            Fate::Fail
        }
        _ => Fate::Go,
    });
    let app = serve(&node).await;
    fill(&world, &app).await;
    forge(&world, "view.tally", "a", Some(r#"{"words":[],"orders":9}"#)).await;
    assert!(!app.rebuild::<Tally>(Duration::from_secs(10)).await.unwrap());
    say(&world, "a", 4);
    quiet(2).await;
    assert_eq!(tally(&app, "a").await, counted(&[4], 9), "the old rows, and they go on");
    assert!(!app.is_ready(), "the lanes of the new rows are not well");
    stuck.store(false, Ordering::SeqCst);
    assert!(app.rebuild::<Tally>(LONG).await.unwrap(), "it waits for the one that is under way");
    say(&world, "a", 5);
    quiet(2).await;
    assert_eq!(tally(&app, "a").await, counted(&[1, 2, 3, 4, 5], 1));
    assert!(app.verify::<Tally>().await.unwrap().is_clean());
    quiet(5).await;
    assert!(app.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_survives_the_death_of_its_process_at_every_point() {
    let mut deaths = 0;
    while rebuilds_on(deaths + 1).await {
        deaths += 1;
    }
    assert!(deaths >= 8, "only {deaths} deaths: the points are not there any more");
}

async fn rebuilds_on(at: usize) -> bool {
    let world = world();
    let app = serve(&world.node()).await;
    fill(&world, &app).await;
    app.stop().await;
    forge(&world, "view.tally", "a", Some(r#"{"words":[],"orders":9}"#)).await;
    let node = dying(&world, at, |point| match point {
        Point::Commit(lane)
        | Point::Committed(lane)
        | Point::Enter(lane)
        | Point::Entered(lane) => lane.group.starts_with("view.tally"),
        _ => false,
    });
    let app = serve(&node).await;
    say(&world, "b", 4);
    let _ = tokio::time::timeout(Duration::from_secs(30), app.rebuild::<Tally>(LONG)).await;
    let died = !node.is_alive();
    drop(app);
    node.kill();

    let app = serve(&world.node()).await;
    say(&world, "b", 5);
    assert!(app.rebuild::<Tally>(LONG).await.unwrap(), "point {at}");
    quiet(2).await;
    assert_eq!(tally(&app, "a").await, counted(&[1, 2, 3], 1), "point {at}");
    assert_eq!(tally(&app, "b").await, counted(&[1, 2, 3, 4, 5], 1), "point {at}");
    assert!(app.verify::<Tally>().await.unwrap().is_clean(), "point {at}");
    died
}

/// Each process finds out by itself which rows are read; the old ones are gone when all of them have.
#[tokio::test(start_paused = true)]
async fn a_rebuild_goes_over_all_processes_that_serve_the_view() {
    let world = world();
    let (one, other) = (world.node(), world.node());
    let (app, beside) = (serve(&one).await, serve(&other).await);
    fill(&world, &app).await;
    forge(&world, "view.tally", "a", None).await;
    assert!(app.rebuild::<Tally>(LONG).await.unwrap());
    assert_eq!(tally(&beside, "a").await, counted(&[1, 2, 3], 1));
    quiet(5).await;
    let left = world.node().store().snapshot("view.tally", Some("view.tally")).await.unwrap();
    assert!(left.rows.is_empty() && left.positions.is_empty());
    drop(app);
    one.kill();
    say(&world, "a", 4);
    say(&world, "b", 4);
    quiet(5).await;
    assert_eq!(tally(&beside, "a").await, counted(&[1, 2, 3, 4], 1));
    assert_eq!(tally(&beside, "b").await, counted(&[1, 2, 3, 4], 1));
    assert!(beside.verify::<Tally>().await.unwrap().is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_view_is_verified_while_it_goes_on() {
    let world = world();
    let app = serve(&world.node()).await;
    for n in 1..50 {
        // In their order, and every other one before the one it stands behind.
        let seq = if n % 2 == 1 { n + 1 } else { n - 1 };
        world.append("t.words", 0, stamped("a", seq, seq).encode());
        let verified = app.verify::<Tally>().await.unwrap();
        assert!(verified.is_clean() && verified.is_certain(), "{verified}");
    }
    quiet(1).await;
    let expected: Vec<u64> = (1..=48).collect();
    assert_eq!(tally(&app, "a").await, counted(&expected, 0), "the last one waits behind a gap");
}

/// Where the log was pruned nobody can tell what the gone messages said: verify says that, and a rebuild
/// would lose it.
#[tokio::test(start_paused = true)]
async fn what_is_gone_from_the_log_can_neither_be_verified_nor_rebuilt_by_mistake() {
    let world = world();
    let app = serve(&world.node()).await;
    fill(&world, &app).await;
    quiet(3600).await;
    say(&world, "a", 4);
    say(&world, "new", 1);
    quiet(2).await;
    let pruned = world.node().store().prune(Kept::Log, Duration::from_secs(60), 500).await;
    assert!(pruned.unwrap().deleted > 0);

    let verified = app.verify::<Tally>().await.unwrap();
    assert!(!verified.is_certain() && !verified.is_clean(), "{verified}");
    assert!(verified.to_string().contains("messages are gone, so what differs may only lack them"));
    let told = app.rebuild::<Tally>(LONG).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Conflict);
    assert!(told.to_string().contains("the log begins at"), "{told}");
    assert_eq!(tally(&app, "a").await, counted(&[1, 2, 3, 4], 1), "nothing has happened");

    assert!(app.rebuild_from_what_is_left::<Tally>(LONG).await.unwrap());
    assert_eq!(tally(&app, "a").await.unwrap().words.last(), Some(&4));
    assert_eq!(tally(&app, "new").await, counted(&[1], 0));
    let verified = app.verify::<Tally>().await.unwrap();
    assert!(verified.is_certain() && verified.is_clean(), "{verified}");
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_for_a_row_of_a_view_also_over_a_rebuild() {
    let world = world();
    let app = serve(&world.node()).await;
    let (a, is_four) = ("a".to_owned(), |row: &Counted| row.words.len() == 4);
    let nothing = app.watch_view::<Tally>(&a, Duration::from_secs(3), |_| true).await.unwrap();
    assert_eq!(nothing, None);
    fill(&world, &app).await;
    let (found, ()) = tokio::join!(app.watch_view::<Tally>(&a, LONG, is_four), async {
        assert!(app.rebuild::<Tally>(LONG).await.unwrap());
        quiet(5).await;
        say(&world, "a", 4);
    });
    assert_eq!(found.unwrap(), counted(&[1, 2, 3, 4], 1));
}

/// Notes how often something was ordered, when something is said of it.
struct Noter;
const NOTES: ballet::Table<String, u64> = ballet::Table::new("notes");
impl Reactor for Noter {
    const NAME: &'static str = "noter";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Said>(react(Self::said))
    }
}
impl Noter {
    async fn said(&self, tx: &mut Tx, e: &Said) -> Result<(), Fault> {
        let orders = tx.view::<Tally>(&e.id).await?.map_or(0, |row| row.orders);
        tx.put(NOTES, &e.id, &orders)
    }
}

#[tokio::test(start_paused = true)]
async fn a_reaction_decides_by_the_rows_that_are_read() {
    let world = world();
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker());
    let app = app.view::<Tally>().reactor(Desk).reactor(Noter).start().await.unwrap();
    fill(&world, &app).await;
    for (table, forged) in [("view.tally", 8), ("view.tally~2", 9)] {
        forge(&world, table, "a", Some(&format!(r#"{{"words":[],"orders":{forged}}}"#))).await;
        say(&world, "a", forged);
        quiet(2).await;
        let noted = app.row::<Noter, _, _>(NOTES, &"a".to_owned()).await.unwrap();
        assert_eq!(noted, Some(forged));
        assert!(app.rebuild::<Tally>(LONG).await.unwrap());
        quiet(2).await;
    }
}
