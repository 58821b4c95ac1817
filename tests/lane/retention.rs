//! How the engine looks after what is old: what it refuses, and what it says.

use crate::lane::echo::{Dials, Room, WORDS, foreign, heard, serve, stamped};
use crate::lane::shop::{Buy, Cashier, choreographed, world};
use crate::lane::spoiled::Spoiled;
use ballet::clock::rest;
use ballet::store::Kept;
use ballet::{App, ErrorKind, Retention, Settings};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

/// Everything is old after minutes.
fn minutes() -> Settings {
    let (log, unread, seen) = (MINUTE, 2 * MINUTE, 3 * MINUTE);
    Settings {
        retention: Retention { log, unread, seen, ..Retention::default() },
        ..Settings::default()
    }
}

/// Nobody knows any more whether it was taken: taking it twice would be worse than asking a person.
#[tokio::test(start_paused = true)]
async fn a_foreign_message_that_is_too_old_to_be_remembered_is_refused() {
    let mut room = Room::open_with(minutes()).await;
    room.world.append(WORDS.name, 0, foreign("a", 1, None).encode());
    assert_eq!(room.heard_after("a", 1).await, [1]);
    rest(4 * MINUTE).await;
    room.world.append(WORDS.name, 0, foreign("a", 1, None).encode());
    room.world.append(WORDS.name, 0, foreign("a", 2, None).encode());
    room.say("a", 3);
    assert_eq!(room.heard_after("a", 1).await, [1, 3]);
    let told = "it is older than the ids of foreign messages are kept";
    assert_eq!(room.dead().await, [told, told]);
}

/// What was in its log is gone before the group came back. That cannot be mended, and is said.
#[tokio::test(start_paused = true)]
async fn what_was_deleted_before_it_was_read_is_told_by_health() {
    let (world, dials) = (world(), Dials::default());
    let app = serve(&world.node(), &dials, Settings::default()).await;
    rest(Duration::from_secs(1)).await;
    app.stop().await;
    for n in 1..=5 {
        world.append(WORDS.name, 0, stamped("a", n, n).encode());
    }
    // Another app of the same world, in which the group is not served, goes on for long.
    let node = world.node();
    let other = App::new(node.store()).broker(node.broker()).settings(minutes());
    let other = other.reactor(Cashier).start().await.unwrap();
    rest(5 * MINUTE).await;
    other.stop().await;

    let app = serve(&world.node(), &dials, Settings::default()).await;
    rest(Duration::from_secs(1)).await;
    let health = app.health().into_values().next().unwrap();
    assert_eq!(health.broken, ["messages 0 to 3 of t.words were deleted unread"]);
    assert!(!app.is_ready());
    assert_eq!(heard(&app, "a").await, [] as [u64; 0], "what follows on a hole waits");
}

#[tokio::test(start_paused = true)]
async fn ages_under_which_something_needed_would_be_forgotten_are_refused_at_start() {
    let refused = async |retention: Retention| {
        let settings = Settings { retention, ..Settings::default() };
        let node = world().node();
        let app = App::new(node.store()).broker(node.broker()).settings(settings);
        let told = app.saga(Buy).start().await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Definition);
        told.to_string()
    };
    let barriers = refused(Retention { barriers: 7 * DAY, ..Retention::default() }).await;
    assert!(barriers.starts_with("step `"), "{barriers}");
    assert!(barriers.contains("keep them for the sum of both"), "{barriers}");
    let seen = refused(Retention { seen: DAY, ..Retention::default() }).await;
    assert!(seen.contains("keep the latter two for as long at least"), "{seen}");
}

/// A process that hands a lane over is as well as before.
#[tokio::test(start_paused = true)]
async fn a_process_that_gives_a_lane_away_is_ready_still() {
    let world = world();
    let one = choreographed(&world.node()).await;
    rest(Duration::from_secs(2)).await;
    let lanes = one.health().len();
    let two = choreographed(&world.node()).await;
    rest(Duration::from_secs(2)).await;
    assert_eq!((one.health().len() + two.health().len(), two.is_ready()), (lanes, true));
    assert!(one.is_ready(), "{:?}", one.health());
}

/// A walk through all of them costs the more the more there are, so it must not begin every minute.
#[tokio::test(start_paused = true)]
async fn what_is_found_only_by_a_walk_through_all_is_walked_through_ten_times_in_its_age() {
    let hour = 60 * MINUTE;
    let retention = Retention { every: hour, barriers: 100 * DAY, ..Retention::default() };
    let settings = Settings { retention, poll: hour, ..Settings::default() };
    let node = world().node();
    let store = Spoiled::of(node.store());
    let prunes = Arc::clone(&store.prunes);
    let app = App::new(Arc::new(store)).broker(node.broker()).settings(settings);
    let app = app.reactor(Cashier).start().await.unwrap();
    rest(25 * DAY).await;
    app.stop().await;
    let prunes = prunes.lock().unwrap();
    assert_eq!(prunes[&Kept::Barriers], 3, "soon after the start, after 10 days and after 20");
    assert!(prunes[&Kept::Archive] > 24 * 24, "what has an index is looked for each time");
}
