//! A reactor that writes down what it hears, and goes wrong as its dials say.

use crate::lane::shop::world;
use ballet::clock::Time;
use ballet::memory::{Node, World};
use ballet::message::{Kind, Stamp};
use ballet::{
    App, Envelope, Fault, Key, Message, Reactions, Reactor, Running, Settings, Table, Tx, react,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Said {
    pub id: String,
    pub n: u64,
}
ballet::topic! { pub WORDS = "t.words", key id { Said = "word.said" } }

/// What was heard of each id, in order.
pub const HEARD: Table<String, Vec<u64>> = Table::new("heard");

/// How a number is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dial {
    Fault,
    Panic,
    NotYet,
    Sleep,
    /// Its process dies.
    Kill,
}

#[derive(Debug, Clone, Default)]
pub struct Dials(Arc<Mutex<BTreeMap<u64, Dial>>>, Arc<Mutex<Option<Node>>>);

impl Dials {
    pub fn set(&self, n: u64, dial: Dial) {
        self.0.lock().unwrap().insert(n, dial);
    }
    /// From now on this is the process that dies.
    pub fn kills(&self, node: &Node) {
        *self.1.lock().unwrap() = Some(node.clone());
    }
    fn kill(&self) {
        self.1.lock().unwrap().as_ref().expect("somebody to kill").kill();
    }
    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
    pub fn at(&self, n: u64) -> Option<Dial> {
        self.0.lock().unwrap().get(&n).copied()
    }
}

pub struct Echo(pub Dials);

impl Reactor for Echo {
    const NAME: &'static str = "echo";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Said>(react(Self::hear))
    }
}

impl Echo {
    async fn hear(&self, tx: &mut Tx, said: &Said) -> Result<(), Fault> {
        let mut heard = tx.get(HEARD, &said.id).await?.unwrap_or_default();
        heard.push(said.n);
        // Written before anything goes wrong: none of it may be seen when it does.
        tx.put(HEARD, &said.id, &heard)?;
        match self.0.at(said.n) {
            Some(Dial::Fault) => Err(Fault::new("the dial says so")),
            Some(Dial::Panic) => panic!("the dial says so"),
            Some(Dial::NotYet) if tx.waited() < Duration::from_secs(60) => {
                Err(Fault::not_yet("the dial says so"))
            }
            Some(Dial::Sleep) => {
                ballet::clock::rest(Duration::from_secs(1)).await;
                Ok(())
            }
            Some(Dial::Kill) => {
                self.0.kill();
                Ok(())
            }
            Some(Dial::NotYet) | None => Ok(()),
        }
    }
}

/// A world, a node in it that serves the echo over one lane, and its dials.
pub struct Room {
    pub world: World,
    pub node: Node,
    pub app: Running,
    pub dials: Dials,
    seq: u64,
}

pub async fn serve(node: &Node, dials: &Dials, settings: Settings) -> Running {
    let app = App::new(node.store()).broker(node.broker()).lanes(1).settings(settings);
    app.reactor_from_the_beginning(Echo(dials.clone())).start().await.expect("the app starts")
}

impl Room {
    pub async fn open() -> Self {
        Self::open_with(Settings::default()).await
    }

    pub async fn open_with(settings: Settings) -> Self {
        let (world, dials) = (world(), Dials::default());
        let node = world.node();
        let app = serve(&node, &dials, settings).await;
        Self { world, node, app, dials, seq: 0 }
    }

    /// A message of another service, the next on its edge.
    pub fn message(&mut self, id: &str, n: u64) -> Message {
        self.seq += 1;
        stamped(id, n, self.seq)
    }

    pub fn say(&mut self, id: &str, n: u64) {
        let message = self.message(id, n);
        self.world.append(WORDS.name, 0, message.encode());
    }

    pub async fn heard(&self, id: &str) -> Vec<u64> {
        heard(&self.app, id).await
    }

    /// What was heard of an id once all that can happen in so long has happened.
    pub async fn heard_after(&self, id: &str, secs: u64) -> Vec<u64> {
        ballet::clock::rest(Duration::from_secs(secs)).await;
        self.heard(id).await
    }

    /// How many messages are set aside.
    pub fn parked(&self) -> usize {
        let health = self.app.health().into_values().next().unwrap();
        health.parked.into_values().sum()
    }

    pub async fn dead(&self) -> Vec<String> {
        let letters = self.app.dead_letters(100).await.unwrap();
        letters.into_iter().map(|letter| letter.reason).collect()
    }
}

pub async fn heard(app: &Running, id: &str) -> Vec<u64> {
    app.row::<Echo, _, _>(HEARD, &id.to_owned()).await.unwrap().unwrap_or_default()
}

/// A message that stands at `seq` on the edge from `talker`.
pub fn stamped(id: &str, n: u64, seq: u64) -> Message {
    let stamp = Stamp { source: "talker".into(), incarnation: 1, lane: 0, seq };
    foreign(id, n, Some(stamp))
}

pub fn foreign(id: &str, n: u64, stamp: Option<Stamp>) -> Message {
    let said = Said { id: id.to_owned(), n };
    let envelope = Envelope {
        id: ballet::id::derived(&["foreign", id, &n.to_string()]),
        kind: Kind::Event,
        name: "word.said".into(),
        version: 1,
        key: Key::new(id),
        correlation: id.into(),
        causation: None,
        hop: 0,
        occurred_at: Time::from_micros(1_700_000_000_000_000),
        traceparent: None,
        stamp,
        step: None,
    };
    Message::new(envelope, serde_json::to_vec(&said).unwrap())
}
