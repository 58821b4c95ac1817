//! Eight small stories: each way of doing something, with everybody in a process of their own.

use crate::lane::bank::{
    Bank, Cancel, Cards, Front, HELD, Hotel, Money, Order as Packet, Pack, Purchase, ROOMS, Travel,
    Trip,
};
use crate::lane::shop::{
    Buy, CHARGES, Cashier, Desk, HOLDS, Inventory, Order, SHELF, Shelves, TOO_MUCH, Till, order,
};
use ballet::story::Scene;
use ballet::{Outcome, Reactor};

/// What a purchase leaves: what is on the shelf, what is held, what was paid.
pub type Left = (Option<u64>, Option<u64>, Option<u64>);

fn id() -> String {
    "1".to_owned()
}

async fn left<I: Reactor, T: Reactor>(scene: &Scene) -> Left {
    let shelf = scene.row::<I, _, _>(SHELF, &"ipad".to_owned()).await;
    let holds = scene.row::<I, _, _>(HOLDS, &id()).await;
    (shelf, holds, scene.row::<T, _, _>(CHARGES, &id()).await)
}

async fn by_saga(scene: &Scene, cents: u64) -> (Outcome, Left) {
    scene.serve("inventory", |app| app.reactor(Inventory).start()).await;
    scene.serve("till", |app| app.reactor(Till).start()).await;
    scene.serve("buy", |app| app.saga(Buy).start()).await;
    scene.begin::<Buy>("buy", "1", &order("1", cents)).await;
    let outcome = scene.outcome::<Buy>("buy", "1").await;
    scene.quiet().await;
    (outcome, left::<Inventory, Till>(scene).await)
}

/// A saga of commands comes to its end.
pub async fn bought(scene: Scene) -> (Outcome, Left) {
    by_saga(&scene, 5).await
}

/// A saga of commands is compensated.
pub async fn not_bought(scene: Scene) -> (Outcome, Left) {
    by_saga(&scene, TOO_MUCH + 1).await
}

async fn by_reactions(scene: &Scene, cents: u64) -> Left {
    scene.serve("shelves", |app| app.reactor(Shelves).start()).await;
    scene.serve("cashier", |app| app.reactor(Cashier).start()).await;
    scene.serve("desk", |app| app.reactor(Desk).start()).await;
    scene.request::<Order>("desk", "1", "1", &order("1", cents)).await.expect("it is taken");
    scene.quiet().await;
    left::<Shelves, Cashier>(scene).await
}

/// A choreography comes to its end.
pub async fn danced(scene: Scene) -> Left {
    by_reactions(&scene, 5).await
}

/// A choreography is compensated.
pub async fn not_danced(scene: Scene) -> Left {
    by_reactions(&scene, TOO_MUCH + 1).await
}

/// A saga of methods that call a bank outside, and of a command beside them. What is at the bank counts
/// once a key, however often it was called.
async fn travelled(scene: &Scene, fare: i64) -> (Outcome, i64, Option<i64>) {
    let bank = Bank::default();
    let ours = bank.clone();
    scene.serve("hotel", |app| app.reactor(Hotel).start()).await;
    scene.serve("travel", move |app| app.saga(Travel(ours.clone())).start()).await;
    scene.begin::<Travel>("travel", "1", &Trip { id: id(), fare }).await;
    let outcome = scene.outcome::<Travel>("travel", "1").await;
    scene.quiet().await;
    (outcome, bank.balance(), scene.row::<Hotel, _, _>(ROOMS, &id()).await)
}

/// Methods are done.
pub async fn trip(scene: Scene) -> (Outcome, i64, Option<i64>) {
    travelled(&scene, 50).await
}

/// The pivot refuses, and methods are taken back.
pub async fn no_trip(scene: Scene) -> (Outcome, i64, Option<i64>) {
    travelled(&scene, -5).await
}

/// A saga whose participant calls the bank is cancelled while it waits for a signal.
pub async fn card(scene: Scene) -> (Outcome, i64) {
    let bank = Bank::default();
    let ours = bank.clone();
    scene.serve("cards", move |app| app.reactor(Cards(ours.clone())).start()).await;
    scene.serve("purchase", |app| app.saga(Purchase).start()).await;
    scene.begin::<Purchase>("purchase", "1", &Packet { id: id(), cents: 70 }).await;
    scene.quiet().await;
    assert_eq!(bank.balance(), 70);
    scene
        .ask("purchase", async |app| app.run::<Purchase>("1").cancel("Eva", "too dear").await)
        .await;
    let outcome = scene.outcome::<Purchase>("purchase", "1").await;
    scene.quiet().await;
    (outcome, bank.balance())
}

/// A choreography whose pivot calls the bank; whoever cancels comes too late.
pub async fn counter(scene: Scene) -> (i64, Option<i64>) {
    let bank = Bank::default();
    let ours = bank.clone();
    scene.serve("front", |app| app.reactor(Front).start()).await;
    scene.serve("money", move |app| app.reactor(Money(ours.clone())).start()).await;
    let asked = Packet { id: id(), cents: 70 };
    scene.request("front", "order", "1", &asked).await.expect("it is taken");
    scene.quiet().await;
    scene.request("front", "pack", "1", &Pack { id: id() }).await.expect("it is taken");
    scene.quiet().await;
    scene.request("front", "cancel", "1", &Cancel { id: id() }).await.expect("it is taken");
    scene.quiet().await;
    (bank.balance(), scene.row::<Money, _, _>(HELD, &id()).await)
}
