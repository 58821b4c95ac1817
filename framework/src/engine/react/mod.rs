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

use crate::engine::handler::{Handler, Source, Trouble};
use crate::engine::work::Work;
use crate::error::Fault;
use crate::future::BoxFuture;
use crate::message::{Envelope, Key, Kind, Way, commands_of};
use crate::reactor::barrier::Barrier;
use crate::reactor::{Emitted, Reactions, Reactor};
use crate::store::{Calling, Lock, Slot, Space, Value};
use crate::tx::{Send, Tx};
use bytes::Bytes;

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

    /// The row of a barrier.
    fn slot(key: &str) -> Slot {
        Slot::new(Space::Barriers, R::NAME, key.to_owned())
    }

    async fn barrier(tx: &mut Tx, key: &str) -> Result<Option<Barrier>, Fault> {
        let row = tx.value(Self::slot(key), Lock::Change).await;
        Ok(row.map(|row| serde_json::from_slice(&row)).transpose()?)
    }

    fn set(tx: &mut Tx, key: &str, row: &Barrier) -> Result<(), Fault> {
        tx.write(Self::slot(key), Some(Value::plain(serde_json::to_vec(row)?)));
        Ok(())
    }

    /// Publishes events, and lets them begin and end the reactor's own waits.
    async fn publish(&self, tx: &mut Tx, events: Vec<Emitted>) -> Result<(), Fault> {
        for event in events {
            let body = Bytes::copy_from_slice(event.body.get().as_bytes());
            self.mind_waits(tx, event.name, &event.key, &body).await?;
            tx.effects.sends.push(Send {
                topic: event.topic.name.to_owned(),
                kind: Kind::Event,
                name: event.name.to_owned(),
                version: event.version,
                key: event.key,
                step: None,
                body,
            });
        }
        Ok(())
    }

    async fn message(&self, tx: &mut Tx, envelope: &Envelope, body: &Bytes) -> Result<(), Trouble> {
        match envelope.kind {
            Kind::Event => self.event(tx, envelope, body).await,
            Kind::Command => self.command(tx, envelope, body).await,
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
                Work::Message { message, .. } => {
                    self.message(tx, &message.envelope, &message.body).await
                }
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

/// What decides the order of what a message brings about later.
fn key_of(envelope: &Envelope) -> Key {
    envelope.key.clone()
}
