//! Views, and runs that events begin, cancel and signal.

use crate::lane::echo::{Said, stamped};
use crate::lane::shop::{Buy, Desk, Inventory, Order, Placed, Till, order, world};
use ballet::{App, Fault, Key, Outcome, Reactions, Reactor, Sources, Tx, View, react};
use std::time::Duration;

/// The last number of each id, and nothing else of what was said.
struct Last;
impl View for Last {
    const NAME: &'static str = "last";
    type Key = String;
    type Row = u64;
    fn sources() -> Sources<Self> {
        Sources::new().on::<Said>(|e| e.id.clone(), |_, e| (e.n > 0).then_some(e.n))
    }
}

/// Says what the view knows, when an order is placed; waits for what it does not know yet.
struct Reader;
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Known {
    id: String,
    n: u64,
}
ballet::topic! { KNOWN = "t.known", key id { Known = "number.known" } }
impl Reactor for Reader {
    const NAME: &'static str = "reader";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Placed>(react(Self::placed))
    }
}
impl Reader {
    async fn placed(&self, tx: &mut Tx, e: &Placed) -> Result<Known, Fault> {
        match tx.view::<Last>(&e.id).await? {
            Some(n) => Ok(Known { id: e.id.clone(), n }),
            None => Err(Fault::not_yet("nothing is known of it")),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_view_folds_what_others_said_and_a_reaction_waits_for_it() {
    let world = world();
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker()).lanes(1);
    let app = app.view::<Last>().reactor(Reader).reactor(Desk).start().await.unwrap();
    for (n, seq) in [(1, 1), (2, 2), (2, 2)] {
        world.append("t.words", 0, stamped("known", n, seq).encode());
    }
    app.request("1", &Key::new("known"), &order("known", 5)).await.unwrap();
    app.request("2", &Key::new("late"), &order("late", 5)).await.unwrap();
    ballet::clock::rest(Duration::from_secs(60)).await;
    assert_eq!(app.view::<Last>(&"known".to_owned()).await.unwrap(), Some(2));
    assert_eq!(world.topic("t.known").len(), 1, "the late one waits and is not refused");
    world.append("t.words", 0, stamped("late", 7, 3).encode());
    ballet::clock::rest(Duration::from_secs(10)).await;
    let known: Vec<Known> = world
        .topic("t.known")
        .iter()
        .map(|message| serde_json::from_slice(&message.body).unwrap())
        .collect();
    assert_eq!(known.iter().map(|known| known.n).collect::<Vec<_>>(), [2, 7]);
    world.append("t.words", 0, stamped("late", 0, 4).encode());
    ballet::clock::rest(Duration::from_secs(1)).await;
    assert_eq!(app.view::<Last>(&"late".to_owned()).await.unwrap(), None, "it was dropped");
}

/// G10: the event that begins a run waits in the log while no coordinator is there.
#[tokio::test(start_paused = true)]
async fn an_event_begins_a_run_also_when_the_coordinator_comes_later() {
    let world = world();
    let node = world.node();
    let serve = |with_saga: bool| {
        let app = App::new(node.store()).broker(node.broker()).reactor(Desk).reactor(Inventory);
        let app = app.reactor(Till);
        async move {
            if !with_saga {
                return app.start().await.unwrap();
            }
            let app = app.saga(Buy).begun_by::<Placed>(|e| {
                // The run is not called as the order is: it may belong to another lane.
                let input = Order { id: e.id.clone(), cents: e.cents };
                Some((format!("run-of-{}", e.id), input))
            });
            app.start().await.unwrap()
        }
    };
    let app = serve(true).await;
    app.stop().await;
    let app = serve(false).await;
    for n in 0..10 {
        let id = n.to_string();
        app.request(&id, &Key::new(&*id), &order(&id, 5)).await.unwrap();
    }
    ballet::clock::rest(Duration::from_secs(5)).await;
    app.stop().await;
    let app = serve(true).await;
    for n in 0..10 {
        let run = app.run::<Buy>(format!("run-of-{n}"));
        let outcome = run.outcome_within(Duration::from_secs(100)).await.unwrap();
        assert_eq!(outcome, Some(Outcome::Completed), "run {n}");
    }
}
