//! A node dies at every point in turn, and another one goes on.

use crate::lane::shop::ended;
use crate::lane::shop::{
    Buy, CHARGES, Cashier, HOLDS, Inventory, SHELF, STOCKED, Shelves, TOO_MUCH, Till,
    choreographed, dying, orchestrated, order, world,
};
use ballet::memory::Point;
use ballet::{Key, Outcome};
use std::time::Duration;

/// How long a client waits for a process that has died. Less than a step may take: otherwise its time
/// is up, and the run is rightly taken back.
const PATIENCE: Duration = Duration::from_secs(20);

/// The three points at which a lane may die: before its commit, after it and before it publishes, after
/// it has published and before that is marked.
fn crash_points() -> [fn(&Point) -> bool; 3] {
    [
        |point| matches!(point, Point::Commit(_)),
        |point| matches!(point, Point::Committed(_)),
        |point| matches!(point, Point::Produced(_)),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_saga_survives_the_death_of_its_process_at_every_point() {
    for (kind, which) in crash_points().into_iter().enumerate() {
        for cents in [5, TOO_MUCH + 1] {
            let mut deaths = 0;
            while survives(kind, deaths + 1, which, cents).await {
                deaths += 1;
            }
            assert!(deaths >= 4, "only {deaths} deaths of kind {kind}: the points are gone");
        }
    }
}

async fn survives(kind: usize, at: usize, which: fn(&Point) -> bool, cents: u64) -> bool {
    let world = world();
    let node = dying(&world, at, which);
    let app = orchestrated(&node).await;
    app.begin::<Buy>("1", &order("1", cents)).await.unwrap();
    let mut first = app.run::<Buy>("1");
    let _ = tokio::time::timeout(PATIENCE, first_outcome(&mut first)).await;
    let died = !node.is_alive();
    drop(app);
    node.kill();

    let app = orchestrated(&world.node()).await;
    let outcome = ended(&app.run::<Buy>("1")).await;
    let paid = cents <= TOO_MUCH;
    let context = format!("kind {kind}, point {at}, {cents} cents");
    assert_eq!(outcome == Outcome::Completed, paid, "{context}");
    let id = "1".to_owned();
    let holds = app.row::<Inventory, _, _>(HOLDS, &id).await.unwrap();
    assert_eq!(holds, Some(u64::from(paid)), "{context}");
    let charged = app.row::<Till, _, _>(CHARGES, &id).await.unwrap();
    assert_eq!(charged, paid.then_some(cents), "{context}");
    let shelf = app.row::<Inventory, _, _>(SHELF, &"ipad".to_owned()).await.unwrap();
    assert_eq!(shelf, Some(STOCKED - u64::from(paid)), "{context}");
    assert_eq!(app.dead_letters(10).await.unwrap(), [], "{context}");
    died
}

async fn first_outcome(run: &mut ballet::Run<'_, Buy>) {
    let _ = run.outcome().await;
}

#[tokio::test(start_paused = true)]
async fn a_choreography_survives_the_death_of_its_process_at_every_point() {
    for which in crash_points() {
        for cents in [5, TOO_MUCH + 1] {
            let mut deaths = 0;
            while dances_on(deaths + 1, which, cents).await {
                deaths += 1;
            }
            assert!(deaths >= 3, "only {deaths} deaths: the points are not there any more");
        }
    }
}

async fn dances_on(at: usize, which: fn(&Point) -> bool, cents: u64) -> bool {
    let world = world();
    let node = dying(&world, at, which);
    let app = choreographed(&node).await;
    let asked = app.request("1", &Key::new("1"), &order("1", cents)).await.unwrap();
    let _ = tokio::time::timeout(PATIENCE, asked.reply(PATIENCE)).await;
    ballet::clock::rest(Duration::from_secs(5)).await;
    let died = !node.is_alive();
    drop(app);
    node.kill();

    let app = choreographed(&world.node()).await;
    let (id, wait) = ("1".to_owned(), Duration::from_secs(60));
    let paid = cents <= TOO_MUCH;
    let context = format!("point {at}, {cents} cents");
    if paid {
        let charge = app.watch::<Cashier, _, u64>(CHARGES, &id, wait, |_| true).await.unwrap();
        assert_eq!(charge, Some(cents), "{context}");
    } else {
        let gone = app.watch::<Shelves, _, u64>(HOLDS, &id, wait, |holds| *holds == 0).await;
        assert_eq!(gone.unwrap(), Some(0), "{context}");
    }
    let shelf = app.row::<Shelves, _, _>(SHELF, &"ipad".to_owned()).await.unwrap();
    assert_eq!(shelf, Some(STOCKED - u64::from(paid)), "{context}");
    died
}
