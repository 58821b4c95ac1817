//! The lane's shop over Postgres: a saga with processes that end, or share its lanes.

#[path = "../../lane/shop.rs"]
#[allow(unused)] // Other tests use the rest.
mod small;

use super::pair::{schema, with_log};
use ballet::clock::{SystemClock, rest};
use ballet::memory::{Node, World};
use ballet::postgres::{Config, Postgres};
use ballet::{App, Key, Outcome, Running};
use small::{
    Buy, CHARGES, Cashier, Desk, HOLDS, Inventory, SHELF, STOCKED, Shelves, TOO_MUCH, Till, order,
};
use std::sync::Arc;
use std::time::Duration;

/// How long a client waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// What processes stand on: a schema, and a broker in memory unless the log is in the same database.
struct Ground {
    config: Config,
    world: Option<World>,
}

impl Ground {
    async fn beside() -> Self {
        Self { config: schema().await, world: Some(World::new(Arc::new(SystemClock))) }
    }

    async fn logged() -> Self {
        Self { config: with_log(&schema().await).await, world: None }
    }

    fn process(&self) -> Process {
        Process { config: self.config.clone(), node: self.world.as_ref().map(World::node) }
    }
}

struct Process {
    config: Config,
    node: Option<Node>,
}

impl Process {
    async fn app(&self) -> App {
        let app = App::new(Postgres::connect(self.config.clone()).await.unwrap());
        match &self.node {
            Some(node) => app.broker(node.broker()),
            None => app,
        }
    }

    async fn orchestrated(&self) -> Running {
        self.app().await.saga(Buy).reactor(Inventory).reactor(Till).start().await.unwrap()
    }

    async fn choreographed(&self) -> Running {
        self.app().await.reactor(Desk).reactor(Shelves).reactor(Cashier).start().await.unwrap()
    }

    /// Dropped, not stopped: as if it were killed, wherever it is.
    fn killed(&self, app: Running) {
        drop(app);
        if let Some(node) = &self.node {
            node.kill();
        }
    }
}

mod beside {
    use super::Ground;

    #[tokio::test]
    async fn a_saga_goes_on_where_the_schema_says() {
        super::a_saga_goes_on(Ground::beside).await;
    }

    #[tokio::test]
    async fn a_choreography_goes_on_where_the_schema_says() {
        super::a_choreography_goes_on(Ground::beside).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn processes_share_the_lanes_and_one_of_them_ends() {
        super::processes_share_the_lanes(&Ground::beside().await).await;
    }
}

mod logged {
    use super::Ground;

    #[tokio::test]
    async fn a_saga_goes_on_where_the_schema_says() {
        super::a_saga_goes_on(Ground::logged).await;
    }

    #[tokio::test]
    async fn a_choreography_goes_on_where_the_schema_says() {
        super::a_choreography_goes_on(Ground::logged).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn processes_share_the_lanes_and_one_of_them_ends() {
        super::processes_share_the_lanes(&Ground::logged().await).await;
    }
}

async fn a_saga_goes_on(ground: impl AsyncFn() -> Ground) {
    for after in (0..8_u64).map(|n| Duration::from_micros(n * n * 1_000)) {
        let ground = ground().await;
        let process = ground.process();
        let app = process.orchestrated().await;
        for (id, cents) in [("1", 5), ("2", TOO_MUCH + 1), ("3", 7)] {
            app.begin::<Buy>(id, &order(id, cents)).await.unwrap();
        }
        rest(after).await;
        process.killed(app);

        let app = ground.process().orchestrated().await;
        for (id, cents) in [("1", 5), ("2", TOO_MUCH + 1), ("3", 7)] {
            let outcome = app.run::<Buy>(id).outcome_within(PATIENCE).await.unwrap().unwrap();
            let (paid, id) = (cents <= TOO_MUCH, id.to_owned());
            assert_eq!(outcome == Outcome::Completed, paid, "{id} after {after:?}");
            let holds = app.row::<Inventory, _, _>(HOLDS, &id).await.unwrap();
            assert_eq!(holds, Some(u64::from(paid)), "{id} after {after:?}");
            let charged = app.row::<Till, _, _>(CHARGES, &id).await.unwrap();
            assert_eq!(charged, paid.then_some(cents), "{id} after {after:?}");
        }
        let shelf = app.row::<Inventory, _, _>(SHELF, &"ipad".to_owned()).await.unwrap();
        assert_eq!(shelf, Some(STOCKED - 2), "after {after:?}");
        assert_eq!(app.dead_letters(10).await.unwrap(), []);
        app.stop().await;
    }
}

async fn a_choreography_goes_on(ground: impl AsyncFn() -> Ground) {
    for after in (0..5_u64).map(|n| Duration::from_micros(n * n * 1_500)) {
        let ground = ground().await;
        let process = ground.process();
        let app = process.choreographed().await;
        for (id, cents) in [("1", 5), ("2", TOO_MUCH + 1)] {
            app.request(id, &Key::new(id), &order(id, cents)).await.unwrap();
        }
        rest(after).await;
        process.killed(app);

        let app = ground.process().choreographed().await;
        let (paid, declined) = ("1".to_owned(), "2".to_owned());
        let charge = app.watch::<Cashier, _, u64>(CHARGES, &paid, PATIENCE, |_| true).await;
        assert_eq!(charge.unwrap(), Some(5), "after {after:?}");
        // It is held before it is given back, so both are waited for.
        let shelf =
            app.watch::<Shelves, _, u64>(HOLDS, &declined, PATIENCE, |holds| *holds == 0).await;
        assert_eq!(shelf.unwrap(), Some(0), "after {after:?}");
        let shelf = app.row::<Shelves, _, _>(SHELF, &"ipad".to_owned()).await.unwrap();
        assert_eq!(shelf, Some(STOCKED - 1), "after {after:?}");
        app.stop().await;
    }
}

/// Every lane wants the same row of the shelf, and one process ends while they work.
async fn processes_share_the_lanes(ground: &Ground) {
    let (first, second) = (ground.process(), ground.process());
    let one = first.orchestrated().await;
    let two = second.orchestrated().await;
    for n in 0..150_u64 {
        let id = n.to_string();
        let app = if n % 2 == 0 { &one } else { &two };
        app.begin::<Buy>(&*id, &order(&id, 5)).await.unwrap();
        if n == 75 {
            two.begin::<Buy>(&*id, &order(&id, 5)).await.unwrap();
        }
    }
    second.killed(two);
    let mut ends = (0, 0);
    for n in 0..150_u64 {
        match one.run::<Buy>(n.to_string()).outcome_within(PATIENCE).await.unwrap().unwrap() {
            Outcome::Completed => ends.0 += 1,
            Outcome::Compensated(_) => ends.1 += 1,
        }
    }
    assert_eq!(ends, (100, 50), "a hundred were on the shelf");
    assert_eq!(one.dead_letters(10).await.unwrap(), []);
    one.stop().await;
}
