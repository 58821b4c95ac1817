//! Requests of clients: positions to read by, and calls to the outside that are made for them.

use crate::lane::bank::{Authorize, Authorized, Bank};
use crate::lane::shop::{Release, Reserve, dying, orchestrated, world};
use ballet::memory::{Node, Point, World};
use ballet::{
    App, Call, ErrorKind, Fault, Key, Position, Reactions, Reactor, Running, StepError, Table, Tx,
    answer, look, refuse,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    id: String,
    text: String,
}
ballet::service! { NOTES = "notes" { Note = "note.write" -> u64 } }

const PAGES: Table<String, Vec<String>> = Table::new("pages");

/// Writes down what it is told to.
struct Notes;
impl Reactor for Notes {
    const NAME: &'static str = NOTES;
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Note>(answer(Self::write).leaves_nothing())
    }
}
impl Notes {
    async fn write(&self, tx: &mut Tx, note: &Note) -> Result<u64, StepError> {
        let mut page = tx.get(PAGES, &note.id).await?.unwrap_or_default();
        page.push(note.text.clone());
        tx.put(PAGES, &note.id, &page)?;
        Ok(page.len() as u64)
    }
}

/// A process that serves nobody, as that of a surface for clients may.
async fn desk(world: &World) -> Running {
    let node = world.node();
    App::new(node.store()).broker(node.broker()).start().await.unwrap()
}

async fn notes(node: &Node) -> Running {
    let app = App::new(node.store()).broker(node.broker());
    app.reactor(Notes).start().await.unwrap()
}

async fn write(app: &Running, key: &str, text: &str) -> Position {
    let note = Note { id: "1".into(), text: text.into() };
    app.request(key, &Key::new("1"), &note).await.unwrap().position()
}

async fn page(app: &Running) -> Vec<String> {
    app.row::<Notes, _, _>(PAGES, &"1".to_owned()).await.unwrap().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn what_is_read_at_a_position_is_as_new_as_what_was_asked() {
    let world = world();
    let desk = desk(&world).await;
    let position = write(&desk, "a", "one").await;
    assert!(!desk.reached(&position, SOON).await.unwrap(), "nobody has taken it up");
    let node = world.node();
    let _app = notes(&node).await;
    assert!(desk.reached(&position, PATIENCE).await.unwrap());
    assert_eq!(page(&desk).await, ["one"]);
}

#[tokio::test(start_paused = true)]
async fn a_position_is_good_as_text_in_every_process_and_after_a_restart() {
    let world = world();
    let node = world.node();
    let app = notes(&node).await;
    let text = write(&app, "a", "one").await.to_string();
    drop(app);
    node.kill();

    let (desk, node) = (desk(&world).await, world.node());
    let app = notes(&node).await;
    let position: Position = text.parse().unwrap();
    for app in [&app, &desk] {
        assert!(app.reached(&position, PATIENCE).await.unwrap());
        assert_eq!(page(app).await, ["one"]);
    }
    drop(app);
    node.kill();
    assert!(desk.reached(&position, Duration::ZERO).await.unwrap(), "once reached it stays so");
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_older_than_the_position_is_not_shown() {
    let world = world();
    let desk = desk(&world).await;
    let node = world.node();
    let app = notes(&node).await;
    let one = write(&desk, "a", "one").await;
    assert!(desk.reached(&one, PATIENCE).await.unwrap());
    drop(app);
    node.kill();

    let two = write(&desk, "b", "two").await;
    let id = "1".to_owned();
    let shown = async |at: Option<&Position>, within| {
        desk.watch_since::<Notes, _, _>(PAGES, &id, at, within, |_| true).await.unwrap()
    };
    let page = |texts: &[&str]| Some(texts.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(shown(None, SOON).await, page(&["one"]));
    assert_eq!(shown(Some(&one), SOON).await, page(&["one"]));
    assert_eq!(shown(Some(&two), SOON).await, None);
    let _app = notes(&world.node()).await;
    assert_eq!(shown(Some(&two), PATIENCE).await, page(&["one", "two"]));
}

#[tokio::test(start_paused = true)]
async fn a_position_that_nobody_was_given_is_never_reached() {
    let world = world();
    let app = notes(&world.node()).await;
    let asked = write(&app, "a", "one").await;
    assert!(app.reached(&asked, PATIENCE).await.unwrap());
    let elsewhere = write(&desk(&crate::lane::shop::world()).await, "b", "one").await;
    assert!(!app.reached(&elsewhere, SOON).await.unwrap());
}

/// Charges cards for whoever asks, if they may buy.
struct Counter(Bank);

const CHARGED: Table<String, String> = Table::new("charged");
/// Nobody has as much.
const TOO_MUCH: i64 = 1_000;

impl Reactor for Counter {
    const NAME: &'static str = "cards";
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Authorize>(
            look(Self::known).call(Self::charge).answer(Self::charged).leaves_nothing(),
        )
    }
}
impl Counter {
    async fn known(&self, _: &mut Tx, ask: &Authorize) -> Result<Option<i64>, Fault> {
        Ok((ask.id != "nobody").then_some(ask.cents))
    }
    async fn charge(&self, call: &Call, _: &Authorize, cents: &i64) -> Result<String, Fault> {
        self.0.book(&call.key, *cents).await
    }
    #[allow(clippy::ptr_arg)] // What a call brought is given as it was brought.
    async fn charged(
        &self,
        tx: &mut Tx,
        ask: &Authorize,
        reference: &String,
    ) -> Result<Authorized, StepError> {
        tx.put(CHARGED, &ask.id, reference)?;
        match ask.cents > TOO_MUCH {
            true => Err(refuse("too_much", "it is given back by hand")),
            false => Ok(Authorized { reference: reference.clone() }),
        }
    }
}

async fn counter(node: &Node, bank: &Bank) -> Running {
    let app = App::new(node.store()).broker(node.broker());
    app.reactor(Counter(bank.clone())).start().await.unwrap()
}

fn authorize(id: &str, cents: i64) -> Authorize {
    Authorize { id: id.into(), cents }
}

async fn charged(app: &Running, id: &str) -> Option<String> {
    app.row::<Counter, _, _>(CHARGED, &id.to_owned()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_request_that_calls_the_outside_is_answered_with_what_the_call_brought() {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| (ledger.delay, ledger.broken) = (Duration::from_secs(3), 2));
    let app = counter(&world.node(), &bank).await;
    let asked = app.request("k", &Key::new("1"), &authorize("1", 70)).await.unwrap();
    assert_eq!(asked.reply(Duration::from_secs(2)).await.unwrap(), None);
    assert!(!app.reached(&asked.position(), Duration::from_secs(1)).await.unwrap());
    let reply = asked.reply(PATIENCE).await.unwrap().unwrap().unwrap();
    assert_eq!(reply.reference, "ref-cards/request/k/forward");
    assert_eq!(charged(&app, "1").await, Some(reply.reference));
    assert!(app.reached(&asked.position(), Duration::ZERO).await.unwrap());
    assert_eq!((bank.balance(), bank.calls()), (70, 3), "two calls broke");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_repeated_while_it_calls_the_outside_calls_once() {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| ledger.delay = Duration::from_secs(10));
    let app = counter(&world.node(), &bank).await;
    let ask = async |cents| app.request("k", &Key::new("1"), &authorize("1", cents)).await;
    for _ in 0..3 {
        let asked = ask(70).await.unwrap();
        assert_eq!(asked.reply(Duration::from_secs(1)).await.unwrap(), None);
    }
    assert_eq!(ask(71).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert!(ask(70).await.unwrap().reply(PATIENCE).await.unwrap().unwrap().is_ok());
    assert_eq!((bank.balance(), bank.calls()), (70, 1));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_has_nothing_to_call_for_or_is_refused_after_its_call_says_so() {
    let (world, bank) = (world(), Bank::default());
    let app = counter(&world.node(), &bank).await;
    let ask = async |id: &str, cents| {
        let asked = app.request(id, &Key::new(id), &authorize(id, cents)).await.unwrap();
        asked.reply(PATIENCE).await.unwrap().unwrap().unwrap_err().code
    };
    assert_eq!(ask("nobody", 70).await, "not_found");
    assert_eq!(bank.calls(), 0);
    assert_eq!(ask("1", TOO_MUCH + 1).await, "too_much");
    assert_eq!((bank.calls(), charged(&app, "1").await), (1, None), "what it wrote is discarded");
}

#[tokio::test(start_paused = true)]
async fn the_call_of_a_request_survives_the_death_of_its_process_at_every_point() {
    for which in [
        |point: &Point| matches!(point, Point::Commit(_)),
        |point: &Point| matches!(point, Point::Committed(_)),
    ] {
        let mut deaths = 0;
        while charges_once(deaths + 1, which).await {
            deaths += 1;
        }
        assert!(deaths >= 2, "only {deaths} deaths");
    }
}

async fn charges_once(at: usize, which: fn(&Point) -> bool) -> bool {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| ledger.delay = Duration::from_secs(3));
    let desk = desk(&world).await;
    let node = dying(&world, at, which);
    let app = counter(&node, &bank).await;
    let asked = desk.request("k", &Key::new("1"), &authorize("1", 70)).await.unwrap();
    let _ = asked.reply(Duration::from_secs(10)).await;
    let died = !node.is_alive();
    drop(app);
    node.kill();

    let app = counter(&world.node(), &bank).await;
    let reply = asked.reply(PATIENCE).await.unwrap().unwrap().unwrap();
    assert_eq!(charged(&app, "1").await, Some(reply.reference), "point {at}");
    assert_eq!(bank.balance(), 70, "always under one key, point {at}");
    died
}

/// The answer would be of another type, or worse, of the same.
#[tokio::test(start_paused = true)]
async fn a_key_that_was_used_for_another_command_is_refused_even_if_the_body_is_the_same() {
    let app = orchestrated(&world().node()).await;
    let (about, id) = (Key::new("1"), "1".to_owned());
    for answered in [false, true] {
        let asked = app.request("key", &about, &Reserve { id: id.clone() }).await.unwrap();
        if answered {
            asked.reply(SOON).await.unwrap().unwrap().unwrap();
        }
        let told = app.request("key", &about, &Release { id: id.clone() }).await.unwrap_err();
        assert_eq!(told.kind(), ErrorKind::Conflict);
        assert_eq!(
            told.to_string(),
            "key `key` was used for `stock.reserve`, and this is `stock.release`"
        );
    }
}
