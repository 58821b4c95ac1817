//! The coordinator of the shop: runs that are begun, and runs that hear the last answer of a group and go
//! on.

use super::shop::{placed, say_to};
use super::{PATIENCE, Subject, event, the_same_for_all_sizes};
use ballet::broker::{Broker, TopicSpec};
use ballet::clock::{Stopwatch, Time, rest};
use ballet::message::{Kind, Outgoing, Reply, commands_of, replies_of};
use ballet::saga::journal::What;
use ballet::sqlite::Sqlite;
use ballet::{App, Command, Record, Running, Saga};
use orchestrated::Purchase;
use serde_json::value::to_raw_value;
use shop::contracts::{
    AssessFraud, CheckDetails, DetailsFine, FraudScore, OrderCreated, ReserveStock, StockHeld,
};
use std::time::Duration;

/// Waits until the run of this number has so many facts that are so; a batch is whole.
async fn run_is(app: &Running, n: usize, so: impl Fn(&What) -> bool, wanted: usize) {
    let (run, waited) = (app.run::<Purchase>(n.to_string()), Stopwatch::start());
    while waited.elapsed() < PATIENCE {
        let journal = run.journal().await.unwrap();
        let facts = journal.map(|journal| journal.facts).unwrap_or_default();
        if facts.iter().filter(|fact| so(&fact.what)).count() == wanted {
            return;
        }
        rest(Duration::from_millis(5)).await;
    }
    panic!("run {n} is not so far");
}

fn coordinate(app: App) -> App<Purchase> {
    app.saga(Purchase::default())
        .begun_by::<OrderCreated>(|said| Some((said.order_id.clone(), said.order.clone())))
}

/// What an app needs to be there of others.
async fn others(store: &Sqlite) {
    for name in ["orders", "details", "fraud", "inventory", "payments"] {
        let spec = TopicSpec { name: commands_of(name), partitions: 1, compacted: false };
        store.ensure(&spec).await.unwrap();
    }
}

/// A run is begun by every order: four commands, three of them at once, and a timer.
struct Beginnings;

impl Subject for Beginnings {
    const NAME: &'static str = "begin-on-event";
    type Last = Purchase;

    fn serve(app: App) -> App<Purchase> {
        coordinate(app)
    }

    async fn prepare(_: &Running, store: &Sqlite, _: usize) {
        others(store).await;
    }

    fn message(n: usize) -> Outgoing {
        event(&placed(n).1, &n.to_string())
    }

    async fn settled(app: &Running, taken: usize, _: usize) {
        run_is(app, taken - 1, |what| matches!(what, What::Started { .. }), 3).await;
    }
}

/// The last answer of a group comes to every run: it tells one service something and asks another.
struct Joins;

impl Joins {
    fn reply<C: Command<Reply: Record>>(n: usize, step: &str, made: &C::Reply) -> Outgoing {
        let mut message = say_to::<C>(&n.to_string(), step);
        message.topic = replies_of(Purchase::NAME).into();
        let reply = Reply::Done(to_raw_value(made).unwrap());
        message.message.envelope_mut().kind = Kind::Reply;
        message.message.envelope_mut().name = format!("{}.reply", C::NAME).into();
        message.message.body = serde_json::to_vec(&reply).unwrap().into();
        message
    }
}

fn is_done(what: &What) -> bool {
    matches!(what, What::Done { .. })
}

impl Subject for Joins {
    const NAME: &'static str = "go-on-by-reply";
    type Last = Purchase;

    fn serve(app: App) -> App<Purchase> {
        coordinate(app)
    }

    async fn prepare(app: &Running, store: &Sqlite, messages: usize) {
        others(store).await;
        let begun: Vec<Outgoing> = (0..messages).map(Beginnings::message).collect();
        store.produce(&[&begun]).await.unwrap();
        Beginnings::settled(app, messages, messages).await;
        let fine =
            (0..messages).map(|n| Self::reply::<CheckDetails>(n, "check-details", &DetailsFine {}));
        store.produce(&[&fine.collect::<Vec<_>>()]).await.unwrap();
        let score = FraudScore { window_total_minor: 7 };
        let calm = (0..messages).map(|n| Self::reply::<AssessFraud>(n, "assess-fraud", &score));
        store.produce(&[&calm.collect::<Vec<_>>()]).await.unwrap();
        run_is(app, messages - 1, is_done, 2).await;
    }

    fn message(n: usize) -> Outgoing {
        let held = StockHeld { expires_at: Time::default() };
        Self::reply::<ReserveStock>(n, "reserve-stock", &held)
    }

    async fn settled(app: &Running, taken: usize, _: usize) {
        run_is(app, taken - 1, is_done, 4).await;
    }
}

#[tokio::test]
async fn runs_are_begun_in_as_many_statements_as_one() {
    the_same_for_all_sizes::<Beginnings>().await;
}

#[tokio::test]
async fn runs_go_on_in_as_many_statements_as_one() {
    the_same_for_all_sizes::<Joins>().await;
}
