//! A reactor as a handler of the lane.
//!
//! What a message means is decided by the barrier, a pure function; here its rows are read and written,
//! the user's handlers called, and what they say is sent.
//!
//! A message may concern several lines of a reactor at once. They are handled in one transaction, in the
//! order of the table: all or none.

mod command;
mod event;
mod outside;
mod request;
mod wait;

pub(crate) use request::RequestRow;

use crate::engine::handler::{Handler, Source, Trouble, unreadable};
use crate::engine::work::Work;
use crate::error::Fault;
use crate::future::BoxFuture;
use crate::message::{Kind, Message, Way, commands_of};
use crate::reactor::barrier::Barrier;
use crate::reactor::{Decode, Emitted, Given, Reactions, Reactor};
use crate::store::{Calling, Lock, Slot, Space, Value};
use crate::text::Text;
use crate::tx::{Send, Should, Tx};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// What a reactor remembers: a barrier, a wait, a request.
trait Remembered: Serialize {
    /// Whether it still goes on. What has ended may be forgotten when it is old (H28).
    fn is_open(&self) -> bool;

    fn value(&self) -> Result<Value, Fault> {
        let body = serde_json::to_vec(self)?;
        Ok(if self.is_open() { Value::open(body) } else { Value::plain(body) })
    }
}

impl Remembered for Barrier {
    fn is_open(&self) -> bool {
        matches!(self, Self::Calling(_))
    }
}

/// A reactor and its table.
pub(crate) struct Reacting<R> {
    reactor: R,
    table: Reactions<R>,
    from_the_beginning: bool,
}

impl<R: Reactor> Reacting<R> {
    pub(crate) fn new(reactor: R, from_the_beginning: bool) -> Self {
        Self { reactor, table: R::reactions(), from_the_beginning }
    }

    /// Where it remembers something.
    fn slot(key: &str) -> Slot {
        Slot::new(Space::Barriers, R::NAME, key.to_owned())
    }

    /// What is remembered under a key: a barrier or a wait.
    async fn at<T: DeserializeOwned>(tx: &mut Tx, key: &str) -> Result<Option<T>, Fault> {
        let slot = Self::slot(key);
        let row = tx.value(slot.clone(), Lock::Change).await;
        Ok(row.map(|row| slot.read(&row)).transpose()?)
    }

    /// The same for what is remembered of a command: the lane of its run alone writes it.
    async fn of_command(tx: &mut Tx, key: &str, should: Should) -> Result<Option<Barrier>, Fault> {
        Ok(tx.document(&Self::slot(key), should, |row| serde_json::from_slice(row)).await?)
    }

    fn set<T: Remembered>(tx: &mut Tx, key: &str, row: &T) -> Result<(), Fault> {
        tx.write(Self::slot(key), Some(row.value()?));
        Ok(())
    }

    /// Publishes events, and lets them begin and end the reactor's own waits.
    async fn publish(&self, tx: &mut Tx, events: Vec<Emitted>) -> Result<(), Fault> {
        for event in events {
            let (topic, key) = (event.topic.name, event.key.clone());
            let body = Bytes::copy_from_slice(event.body.get().as_bytes());
            let place = tx.say(Send {
                topic: Text::of(topic),
                kind: Kind::Event,
                name: Text::of(event.name),
                version: event.version,
                key: event.key,
                step: None,
                body: body.clone(),
            });
            self.mind_waits(tx, event.name, &key, &body, Some((topic, place))).await?;
        }
        Ok(())
    }

    async fn message(&self, tx: &mut Tx, message: &Message) -> Result<(), Trouble> {
        match message.envelope.kind {
            Kind::Event => self.event(tx, message).await,
            Kind::Command => self.command(tx, message).await,
            Kind::Reply => Ok(()),
        }
    }
}

impl<R: Reactor> Handler for Reacting<R> {
    fn group(&self) -> &str {
        R::NAME
    }

    fn sources(&self) -> Vec<Source> {
        let from_the_beginning = self.from_the_beginning;
        let events = self.table.topics().into_iter().map(|topic| Source {
            topic: topic.name.to_owned(),
            partitions: topic.partitions,
            compacted: topic.compacted,
            from_the_beginning,
        });
        // What was asked of a service is never too old to be answered.
        let commands = self.table.answers().then(|| Source {
            topic: commands_of(R::NAME),
            partitions: None,
            compacted: false,
            from_the_beginning: true,
        });
        events.chain(commands).collect()
    }

    fn handle<'a>(&'a self, tx: &'a mut Tx, work: &'a Work) -> BoxFuture<'a, Result<(), Trouble>> {
        Box::pin(async move {
            match work {
                Work::Message { message, .. } => self.message(tx, message).await,
                Work::Inbox { key, body } => self.request(tx, key, body).await,
                Work::Timer { id, .. } => self.wait_is_over(tx, id).await,
                Work::Called { calling, outcome } => self.called(tx, calling, outcome).await,
                Work::Poison { reason, .. } => Err(Trouble::Dead(reason.clone())),
            }
        })
    }

    fn call<'a>(
        &'a self,
        calling: &'a Calling,
        attempt: u32,
    ) -> BoxFuture<'a, Result<Bytes, Fault>> {
        Box::pin(self.go_out(calling, attempt))
    }

    fn pair(&self, work: &Work) -> Option<(String, bool)> {
        let Work::Message { message, .. } = work else { return None };
        let envelope = &message.envelope;
        match &envelope.step {
            Some(step) => Some((step.pair(), step.way == Way::Back)),
            None => self.pair_of_event(&envelope.name, &envelope.correlation),
        }
    }
}

/// The key of a barrier of a reaction, in one business transaction.
fn reaction_key(hears: &str, correlation: &str) -> String {
    format!("{hears}/{correlation}")
}

/// What a handler is given: the message, and what an earlier stage or the action has made.
fn given(
    decode: Decode,
    message: &Message,
    extra: Option<Box<RawValue>>,
) -> Result<Given, Trouble> {
    let decoded = decode(&message.body).map_err(|told| unreadable(&message.envelope, &told))?;
    Ok(Given { message: decoded, extra })
}
