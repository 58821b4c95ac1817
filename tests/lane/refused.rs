//! What an app must not be, and is told when it starts.

use crate::conformance::pairs::Folder;
use crate::lane::echo::Said;
use crate::lane::shop::{Desk, Placed, world};
use ballet::sqlite::Sqlite;
use ballet::{App, Error, ErrorKind, Fault, Reactions, Reactor, Running, Tx, after};
use std::time::Duration;

fn why(started: Result<Running, Error>) -> String {
    let told = started.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Definition);
    told.to_string()
}

#[tokio::test(start_paused = true)]
async fn an_app_without_lanes_is_refused() {
    let node = world().node();
    let app = App::new(node.store()).broker(node.broker()).lanes(0).reactor(Desk);
    assert_eq!(why(app.start().await), "an app has one lane at least, and this has none");
}

/// Waits for what never comes, under a name by which its end would not be found.
struct Sleeper;
impl Reactor for Sleeper {
    const NAME: &'static str = "sleeper";
    fn reactions() -> Reactions<Self> {
        let within = Duration::from_secs(1);
        Reactions::new()
            .expect("a/b", after::<Said>().until::<(Placed,)>().within(within, Self::over))
    }
}

impl Sleeper {
    async fn over(&self, _: &mut Tx, _: &Said) -> Result<(), Fault> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_whose_end_would_not_be_found_is_refused() {
    let node = world().node();
    let app = App::new(node.store()).broker(node.broker()).reactor(Sleeper);
    let told = "wait `a/b` of reactor `sleeper` has a `/` in its name: timers are told by names, and a `/` ends them";
    assert_eq!(why(app.start().await), told);
}

/// Its batches append to the log in the file; what reads another broker would never hear of it.
#[tokio::test]
async fn another_broker_over_a_store_with_a_log_of_its_own_is_refused() {
    let folder = Folder::new();
    let store = Sqlite::open(folder.file("it.db")).await.unwrap();
    let app = App::new(store.clone()).broker(world().node().broker()).reactor(Desk);
    let told = why(app.start().await);
    assert!(told.starts_with("this store appends what is said to its own log"), "{told}");
    let other = Sqlite::open(folder.file("other.db")).await.unwrap();
    let app = App::new(store.clone()).broker(other).reactor(Desk);
    assert_eq!(why(app.start().await), told, "though it is the log of a store");
    App::new(store.clone()).broker(store).reactor(Desk).start().await.expect("its own is its own");
}
