//! Nothing goes wrong.

use crate::lane::echo::{HEARD, Said, WORDS, stamped};
use crate::lane::shop::ended;
use crate::lane::shop::{
    Buy, CHARGES, Cashier, Desk, HOLDS, Inventory, SHELF, STOCKED, Shelves, TOO_MUCH, Till,
    choreographed, orchestrated, order, world,
};
use ballet::{App, Fault, Key, Outcome, Reactions, Reactor, Settings, Table, Tx, react};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn a_saga_of_two_asked_steps_completes() {
    let world = world();
    let app = orchestrated(&world.node()).await;
    let run = app.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
    let id = "1".to_owned();
    assert_eq!(app.row::<Inventory, _, _>(HOLDS, &id).await.unwrap(), Some(1));
    assert_eq!(app.row::<Till, _, _>(CHARGES, &id).await.unwrap(), Some(5));
    app.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_pivot_takes_back_what_was_done() {
    let world = world();
    let app = orchestrated(&world.node()).await;
    let run = app.begin::<Buy>("1", &order("1", TOO_MUCH + 1)).await.unwrap();
    let Outcome::Compensated(why) = ended(&run).await else { panic!("it completed") };
    assert_eq!(why.to_string(), "charge said declined: too much");
    assert_eq!(app.row::<Inventory, _, _>(HOLDS, &"1".to_owned()).await.unwrap(), Some(0));
    let shelf = app.row::<Inventory, _, _>(SHELF, &"ipad".to_owned()).await.unwrap();
    assert_eq!(shelf, Some(STOCKED));
}

#[tokio::test(start_paused = true)]
async fn a_run_is_begun_once_by_its_id_and_another_input_is_a_conflict() {
    let world = world();
    let app = orchestrated(&world.node()).await;
    for _ in 0..3 {
        app.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    }
    assert_eq!(ended(&app.run::<Buy>("1")).await, Outcome::Completed);
    app.begin::<Buy>("1", &order("1", 5)).await.unwrap();
    let told = app.begin::<Buy>("1", &order("1", 6)).await.unwrap_err();
    assert_eq!(told.kind(), ballet::ErrorKind::Conflict);
    assert_eq!(app.row::<Till, _, _>(CHARGES, &"1".to_owned()).await.unwrap(), Some(5));
}

/// Places an order of the choreography by a request, and waits until all is quiet.
async fn place(app: &ballet::Running, id: &str, cents: u64) {
    let asked = app.request(id, &Key::new(id), &order(id, cents)).await.unwrap();
    let reply = asked.reply(Duration::from_secs(60)).await.unwrap();
    assert_eq!(reply, Some(Ok(())));
}

async fn settled<R: Reactor>(app: &ballet::Running, holds: u64) -> bool {
    let (id, wait) = ("1".to_owned(), Duration::from_secs(60));
    app.watch::<R, _, _>(HOLDS, &id, wait, |h| *h == holds).await.unwrap().is_some()
}

#[tokio::test(start_paused = true)]
async fn two_reactors_sell_an_ipad() {
    let world = world();
    let app = choreographed(&world.node()).await;
    place(&app, "1", 5).await;
    let charge = app
        .watch::<Cashier, _, u64>(CHARGES, &"1".to_owned(), Duration::from_secs(60), |_| true)
        .await;
    assert_eq!(charge.unwrap(), Some(5));
    assert!(settled::<Shelves>(&app, 1).await);
    let _ = Desk::NAME;
}

#[tokio::test(start_paused = true)]
async fn a_declined_payment_gives_the_stock_back() {
    let world = world();
    let app = choreographed(&world.node()).await;
    place(&app, "1", TOO_MUCH + 1).await;
    assert!(settled::<Shelves>(&app, 0).await);
    let shelf = app.row::<Shelves, _, _>(SHELF, &"ipad".to_owned()).await.unwrap();
    assert_eq!(shelf, Some(STOCKED));
}

#[tokio::test(start_paused = true)]
async fn a_hundred_sagas_share_batches() {
    let world = world();
    let app = orchestrated(&world.node()).await;
    for n in 0..150_u64 {
        let id = n.to_string();
        app.begin::<Buy>(&*id, &order(&id, 5)).await.unwrap();
    }
    let mut ends = (0, 0);
    for n in 0..150_u64 {
        match ended(&app.run::<Buy>(n.to_string())).await {
            Outcome::Completed => ends.0 += 1,
            Outcome::Compensated(_) => ends.1 += 1,
        }
    }
    assert_eq!(ends, (100, 50), "a hundred were on the shelf");
}

/// Hands out what is free, the first first.
struct Clerk;
const FREE: Table<u32, u64> = Table::new("free");
impl Reactor for Clerk {
    const NAME: &'static str = "clerk";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Said>(react(Self::hand_out))
    }
}
impl Clerk {
    async fn hand_out(&self, tx: &mut Tx, said: &Said) -> Result<(), Fault> {
        if said.id == "stock" {
            return (1..=3).try_for_each(|n| tx.put(FREE, &n, &said.n));
        }
        let first = tx.scan(FREE, &0, None, 1).await?;
        let mut got = tx.get(HEARD, &said.id).await?.unwrap_or_default();
        for (n, _) in first {
            tx.delete(FREE, &n);
            got.push(u64::from(n));
        }
        tx.put(HEARD, &said.id, &got)
    }
}

/// A batch is one transaction for many messages, and none of them may notice.
#[tokio::test(start_paused = true)]
async fn a_range_that_earlier_messages_of_the_batch_have_taken_from_is_read_on() {
    for batch in [1, 500] {
        let world = world();
        let node = world.node();
        let app = App::new(node.store()).broker(node.broker()).lanes(1);
        let app = app.settings(Settings { batch, ..Settings::default() });
        let app = app.reactor_from_the_beginning(Clerk).start().await.unwrap();
        world.append(WORDS.name, 0, stamped("stock", 1, 1).encode());
        ballet::clock::rest(std::time::Duration::from_secs(1)).await;
        (2..=5).for_each(|n| world.append(WORDS.name, 0, stamped("a", n, n).encode()));
        ballet::clock::rest(std::time::Duration::from_secs(1)).await;
        let got = app.row::<Clerk, _, _>(HEARD, &"a".to_owned()).await.unwrap();
        assert_eq!(got, Some(vec![1, 2, 3]), "{batch} at a time");
    }
}
