//! The services of the shop: orders of three lines each, one of which is the same for all, so that all
//! of a batch want to change one row.

use super::{PATIENCE, Subject, envelope, event, the_same_for_all_sizes};
use ballet::broker::{Broker, TopicSpec};
use ballet::message::{Kind, Outgoing, StepRef, Way, commands_of, replies_of};
use ballet::sqlite::Sqlite;
use ballet::{App, Command, Key, Message, Reactor, Running, Table};
use shop::contracts::{
    Line, NoteValid, OrderCreated, OrderValidation, PlaceOrder, Reason, ReceiveStock, ReserveStock,
    Status,
};
use shop::inventory::{SHELVES, Shelf};
use shop::order::NewOrder;
use shop::orders::{Moment, ORDERS, Row, USUAL_CHECKS};
use std::time::Duration;

/// What every order has a line of.
const HOT: &str = "ipad";
/// How many other things there are, two of which stand in every order.
const COLD: usize = 40;
const NOW: Moment =
    Moment { at: ballet::clock::Time::from_micros(7), cause: "test.ran", actor: "test" };

fn cold(n: usize) -> String {
    format!("cold-{}", n % COLD)
}

fn wanted(n: usize) -> PlaceOrder {
    let line = |sku: String| Line { sku, qty: 1, unit_price_minor: 100 };
    let lines = vec![line(HOT.to_owned()), line(cold(2 * n)), line(cold(2 * n + 1))];
    let (customer_id, currency) = ("eva".to_owned(), "USD".to_owned());
    let order = NewOrder { customer_id, lines, total_minor: 300, currency };
    PlaceOrder { order_id: n.to_string(), order }
}

pub(super) fn placed(n: usize) -> (Row, OrderCreated) {
    let checks = USUAL_CHECKS.map(str::to_owned).into();
    Row::open(&wanted(n), checks, Duration::from_secs(600), NOW)
}

/// A command of a coordinator that waits for its reply.
fn command<C: Command>(command: &C, run: &str) -> Outgoing {
    let mut message = say_to::<C>(run, C::NAME);
    message.message.body = serde_json::to_vec(command).unwrap().into();
    message
}

/// The same, and what it says is still to be written.
pub(super) fn say_to<C: Command>(run: &str, step: &str) -> Outgoing {
    let mut envelope = envelope(Kind::Command, C::NAME, Key::new(run), run);
    envelope.step = Some(StepRef {
        saga: "purchase".into(),
        run: run.into(),
        step: step.into(),
        way: Way::Forward,
        round: 0,
        attempt: 1,
        reply_to: Some(replies_of("purchase").into()),
        deadline: None,
    });
    let message = Message::new(envelope, bytes::Bytes::new());
    Outgoing { topic: commands_of(C::TO).into(), partition: 0, message }
}

/// Asks all of this, each about something else, and waits for the last answer.
async fn ask<C: Command>(app: &Running, all: impl Iterator<Item = (String, C)>) {
    let mut last = None;
    for (about, command) in all {
        last = Some(app.request(&about, &Key::new(&*about), &command).await.unwrap());
    }
    last.unwrap().reply(PATIENCE).await.unwrap().unwrap().unwrap();
}

/// Fills the shelves, and lets replies be sent.
async fn fill(app: &Running, store: &Sqlite) {
    let spec = TopicSpec { name: replies_of("purchase"), partitions: 1, compacted: false };
    store.ensure(&spec).await.unwrap();
    let skus = (0..COLD).map(cold).chain([HOT.to_owned()]);
    ask(app, skus.map(|sku| (sku.clone(), ReceiveStock { sku, qty: 10_000 }))).await;
}

async fn reserved<R: Reactor>(app: &Running, orders: usize) {
    let (hot, orders) = (HOT.to_owned(), orders as i64);
    let kept = |shelf: &Shelf| shelf.reserved == orders;
    let seen = app.watch::<R, _, _>(SHELVES, &hot, PATIENCE, kept).await.unwrap();
    assert!(seen.is_some(), "{orders} orders keep one each");
}

/// Waits until the last of so many orders is as it is to be; a batch is whole.
async fn order_is<R: Reactor>(app: &Running, orders: usize, so: impl Fn(&Row) -> bool) {
    let last = (orders - 1).to_string();
    let table: Table<String, Row> = ORDERS;
    assert!(app.watch::<R, _, _>(table, &last, PATIENCE, so).await.unwrap().is_some(), "{last}");
}

/// Takes up so many orders.
async fn place(app: &Running, store: &Sqlite, orders: usize) {
    let spec = TopicSpec { name: replies_of("purchase"), partitions: 1, compacted: false };
    store.ensure(&spec).await.unwrap();
    ask(app, (0..orders).map(|n| (n.to_string(), wanted(n)))).await;
}

/// Inventory reserves for every new order.
struct Reactions;

impl Subject for Reactions {
    const NAME: &'static str = "reserve-on-event";
    type Last = ();

    fn serve(app: App) -> App {
        app.reactor(choreographed::Inventory)
    }

    async fn prepare(app: &Running, store: &Sqlite, _: usize) {
        fill(app, store).await;
    }

    fn message(n: usize) -> Outgoing {
        event(&placed(n).1, &n.to_string())
    }

    async fn settled(app: &Running, taken: usize, _: usize) {
        reserved::<choreographed::Inventory>(app, taken).await;
    }
}

/// Inventory gives back what it keeps for every order that is cancelled: of all reactions the one that
/// reads the most rows one after the other.
struct Compensations;

impl Subject for Compensations {
    const NAME: &'static str = "release-on-event";
    type Last = ();

    fn serve(app: App) -> App {
        app.reactor(choreographed::Inventory)
    }

    async fn prepare(app: &Running, store: &Sqlite, messages: usize) {
        fill(app, store).await;
        let created: Vec<Outgoing> = (0..messages).map(Reactions::message).collect();
        store.produce(&[&created]).await.unwrap();
        reserved::<choreographed::Inventory>(app, messages).await;
    }

    fn message(n: usize) -> Outgoing {
        let cancelled = placed(n).0.cancel(Reason::CustomerCancelled, NOW).unwrap();
        event(&cancelled, &n.to_string())
    }

    async fn settled(app: &Running, taken: usize, messages: usize) {
        reserved::<choreographed::Inventory>(app, messages - taken).await;
    }
}

/// Inventory reserves when it is asked to.
struct Answers;

impl Subject for Answers {
    const NAME: &'static str = "reserve-on-command";
    type Last = ();

    fn serve(app: App) -> App {
        app.reactor(orchestrated::Inventory)
    }

    async fn prepare(app: &Running, store: &Sqlite, _: usize) {
        fill(app, store).await;
    }

    fn message(n: usize) -> Outgoing {
        let PlaceOrder { order_id, order } = wanted(n);
        let run = order_id.clone();
        command(&ReserveStock { order_id, lines: order.lines }, &run)
    }

    async fn settled(app: &Running, taken: usize, _: usize) {
        reserved::<orchestrated::Inventory>(app, taken).await;
    }
}

/// Orders hears the last verdict of every order, and decides.
struct Decisions;

impl Decisions {
    fn verdict(n: usize, check: &str) -> Outgoing {
        let said = OrderValidation::new(&n.to_string(), check, Vec::new());
        let mut message = event(&said, &n.to_string());
        message.message.envelope_mut().id =
            ballet::id::derived(&["verdict", check, &n.to_string()]);
        message
    }
}

impl Subject for Decisions {
    const NAME: &'static str = "decide-on-event";
    type Last = ();

    fn serve(app: App) -> App {
        app.reactor(choreographed::Orders)
    }

    async fn prepare(app: &Running, store: &Sqlite, messages: usize) {
        place(app, store, messages).await;
        for check in &USUAL_CHECKS[..2] {
            let said: Vec<Outgoing> = (0..messages).map(|n| Self::verdict(n, check)).collect();
            store.produce(&[&said]).await.unwrap();
        }
        let heard = |row: &Row| row.verdicts.len() == 2;
        order_is::<choreographed::Orders>(app, messages, heard).await;
    }

    fn message(n: usize) -> Outgoing {
        Self::verdict(n, USUAL_CHECKS[2])
    }

    async fn settled(app: &Running, taken: usize, _: usize) {
        let valid = |row: &Row| row.order.status == Status::Valid;
        order_is::<choreographed::Orders>(app, taken, valid).await;
    }
}

/// Orders is told by the coordinator that orders are valid.
struct Notes;

impl Subject for Notes {
    const NAME: &'static str = "note-on-command";
    type Last = ();

    fn serve(app: App) -> App {
        app.reactor(orchestrated::Orders)
    }

    async fn prepare(app: &Running, store: &Sqlite, messages: usize) {
        place(app, store, messages).await;
    }

    fn message(n: usize) -> Outgoing {
        command(&NoteValid { order_id: n.to_string() }, &n.to_string())
    }

    async fn settled(app: &Running, taken: usize, _: usize) {
        let valid = |row: &Row| row.order.status == Status::Valid;
        order_is::<orchestrated::Orders>(app, taken, valid).await;
    }
}

#[tokio::test]
async fn orders_of_three_lines_with_one_thing_in_common_are_reserved_in_as_many_statements_as_one()
{
    the_same_for_all_sizes::<Reactions>().await;
    the_same_for_all_sizes::<Answers>().await;
}

#[tokio::test]
async fn orders_that_are_cancelled_are_given_back_in_as_many_statements_as_one() {
    the_same_for_all_sizes::<Compensations>().await;
}

#[tokio::test]
async fn orders_are_decided_in_as_many_statements_as_one() {
    the_same_for_all_sizes::<Decisions>().await;
    the_same_for_all_sizes::<Notes>().await;
}
