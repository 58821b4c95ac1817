//! What was found in the engine and the examples, each as a small test of its own. The inputs that found it
//! are in `crashes`.

use crate::http;
use crate::journal::{decided, empty};
use ballet::clock::{RuntimeClock, Time, rest};
use ballet::memory::World;
use ballet::message::wire;
use ballet::saga::decide::Input;
use ballet::saga::journal::{Fact, Journal, What};
use ballet::saga::{Saga, Shape};
use ballet::{App, Call, Fault, Reactions, Reactor, Table, Tx, look, story};
use orchestrated::Purchase;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

const START: Time = Time::from_micros(1_700_000_000_000_000);

fn journal_with(what: What) -> (Shape, Journal) {
    let shape = Purchase::plan().shape().clone();
    let mut journal = empty(&shape);
    journal.facts.push(Fact { at: START, what: What::Begun });
    journal.facts.push(Fact { at: START, what });
    (shape, journal)
}

#[test]
fn a_journal_of_a_longer_plan_is_told_by_numbers_and_named() {
    let (shape, journal) = journal_with(What::Unknown { step: 99, ready: START });
    assert_eq!(story::tell(&shape, &journal), "step 99           unknown: its time is up\n");
    assert_eq!(journal.why(&shape).late, ["step 99"]);
    assert_eq!(
        journal.fits(&shape).unwrap_err().to_string(),
        "the journal is no journal of saga `purchase`: fact 1 is of step 99, which is none in plan 1"
    );
}

#[test]
fn a_journal_that_takes_back_what_has_no_way_back_is_none() {
    let step = Purchase::plan().shape().position("capture").unwrap();
    let what = What::Compensating { step, round: 0, attempts: 1, last: START };
    let (shape, journal) = journal_with(what);
    let told = journal.fits(&shape).unwrap_err().to_string();
    assert!(told.ends_with("which is never taken back in plan 1"), "{told}");
}

#[test]
fn an_attempt_after_the_last_number_has_the_last_number() {
    let (last, until) = (START, None);
    let (round, attempts) = (0, u32::MAX);
    let step = Purchase::plan().shape().position("check-details").unwrap();
    let (shape, journal) = journal_with(What::Started { step, round, attempts, last, until });
    let decided = decided(&shape, &journal, Input::Tick, START.after(Duration::from_secs(61)));
    let is_last = |fact: &Fact| matches!(fact.what, What::Started { attempts: u32::MAX, .. });
    assert!(decided.facts.iter().any(is_last), "{decided:?}");
}

#[test]
fn a_time_in_the_least_of_all_years_is_no_time() {
    assert_eq!(Time::parse("-2147483648-01-01T00:00:00Z"), None);
}

#[test]
fn an_address_that_is_no_text_is_refused_in_json() {
    http::check(b"GET /v1/orders/%ff\n\n");
}

#[derive(Serialize, Deserialize)]
struct Noted {
    id: String,
    note: Box<RawValue>,
}
ballet::topic! { NOTES = "t.notes", key id { Noted = "note.noted" } }

const KEPT: Table<String, u64> = Table::new("kept");

/// Looks up what somebody else has written, as it was written, and calls with it.
struct Notary;

impl Reactor for Notary {
    const NAME: &'static str = "notary";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Noted>(look(Self::note).call(Self::send).react(Self::keep))
    }
}

impl Notary {
    async fn note(&self, _: &mut Tx, noted: &Noted) -> Result<Option<Box<RawValue>>, Fault> {
        Ok(Some(noted.note.clone()))
    }
    #[allow(clippy::borrowed_box)] // What was looked up is given as it was looked up.
    async fn send(&self, _: &Call, _: &Noted, note: &Box<RawValue>) -> Result<u64, Fault> {
        Ok(note.get().lines().count() as u64)
    }
    async fn keep(&self, tx: &mut Tx, noted: &Noted, lines: &u64) -> Result<(), Fault> {
        tx.put(KEPT, &noted.id, lines)
    }
}

/// JSON from elsewhere may have lines, and keeps them as long as nobody reads it.
#[tokio::test(start_paused = true)]
async fn what_is_looked_up_for_a_call_may_have_lines() {
    let world = World::new(Arc::new(RuntimeClock::starting_at(START)));
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker()).lanes(1);
    let app = app.reactor_from_the_beginning(Notary).start().await.unwrap();
    let headers: [(&str, &[u8]); 4] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"A-17"),
        ("ce_source", b"/elsewhere"),
        ("ce_type", b"note.noted"),
    ];
    let body = "{\"id\":\"a\",\"note\":{\n  \"text\": 1\n}}".into();
    let message = wire::read(Some(b"a"), headers, body, START).unwrap();
    world.append(NOTES.name, 0, message.encode());
    rest(Duration::from_secs(60)).await;
    assert_eq!(app.row::<Notary, _, _>(KEPT, &"a".to_owned()).await.unwrap(), Some(3));
}
