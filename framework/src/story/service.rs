//! A service alone: what it does with a message, what it answers, what it says.

use crate::clock::Time;
use crate::engine::{Handler, Reacting, Trouble, Work};
use crate::error::Fault;
use crate::message::{Command, Envelope, Event, Key, Kind, Message, Record, Reply, StepRef, Way};
use crate::reactor::Reactor;
use crate::store::{Slot, Space, Value};
use crate::table::{Table, TableKey};
use crate::tx::{Cause, Tx};
use crate::view::View;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::task::{Context, Poll, Waker};

/// A reactor with its tables in memory and nobody around it. Its outside calls are made at once.
///
/// # Example
///
/// ```
/// use ballet::story::ServiceStory;
/// use ballet::{Fault, Reactions, Reactor, Table, Tx, react};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Sold { sku: String }
/// #[derive(Serialize, Deserialize)]
/// struct Counted { sku: String, sold: u64 }
/// ballet::topic! { SALES = "sales", key sku { Sold = "unit.sold" } }
/// ballet::topic! { COUNTS = "counts", key sku { Counted = "units.counted" } }
/// const COUNT: Table<String, u64> = Table::new("count");
///
/// struct Counter;
/// impl Reactor for Counter {
///     const NAME: &'static str = "counter";
///     fn reactions() -> Reactions<Self> {
///         Reactions::new().on::<Sold>(react(Self::count))
///     }
/// }
/// impl Counter {
///     async fn count(&self, tx: &mut Tx, e: &Sold) -> Result<Counted, Fault> {
///         let sold = tx.get(COUNT, &e.sku).await?.unwrap_or(0) + 1;
///         tx.put(COUNT, &e.sku, &sold)?;
///         Ok(Counted { sku: e.sku.clone(), sold })
///     }
/// }
///
/// let mut story = ServiceStory::of(Counter);
/// story.hear("order-1", &Sold { sku: "ipad".into() }).unwrap();
/// assert_eq!(story.row(COUNT, &"ipad".to_string()), Some(1));
/// assert_eq!(story.said::<Counted>()[0].sold, 1);
/// ```
pub struct ServiceStory<R: Reactor> {
    handler: Reacting<R>,
    slots: BTreeMap<Slot, Value>,
    said: Vec<crate::tx::Send>,
    now: Time,
    count: u32,
}

impl<R: Reactor> fmt::Debug for ServiceStory<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` has said {} things", R::NAME, self.said.len())
    }
}

impl<R: Reactor> ServiceStory<R> {
    /// A service with empty tables.
    #[must_use]
    pub fn of(reactor: R) -> Self {
        let (slots, said) = (BTreeMap::new(), Vec::new());
        Self { handler: Reacting::new(reactor, false), slots, said, now: Time::default(), count: 0 }
    }

    /// Puts a row into a table of the service.
    ///
    /// # Panics
    ///
    /// If the row cannot be written as JSON.
    #[must_use]
    pub fn given<K: TableKey, V: Record>(mut self, table: Table<K, V>, key: &K, row: &V) -> Self {
        let body = serde_json::to_vec(row).expect("a row can be written as JSON");
        self.slots.insert(Self::slot(table, key), Value::plain(body));
        self
    }

    /// Puts a row into a view that the service reads.
    ///
    /// # Panics
    ///
    /// If the row cannot be written as JSON.
    #[must_use]
    pub fn given_view<W: View>(mut self, key: &W::Key, row: &W::Row) -> Self {
        let body = serde_json::to_vec(row).expect("a row can be written as JSON");
        let slot = Slot::new(Space::Rows, W::table(), key.to_bytes());
        self.slots.insert(slot, Value::plain(body));
        self
    }

    /// Moves its clock.
    pub fn at(&mut self, now: Time) {
        self.now = now;
    }

    /// Hears an event of a business transaction.
    ///
    /// # Errors
    ///
    /// What the handler could not do.
    pub fn hear<E: Event>(&mut self, correlation: &str, event: &E) -> Result<(), Fault> {
        let body = serde_json::to_vec(event)?.into();
        let message = self.message(Kind::Event, E::NAME, event.key(), correlation, None, body);
        self.handle(E::TOPIC.name, message)
    }

    /// Is asked something by a step of a run, and answers.
    ///
    /// # Errors
    ///
    /// What the handler could not do.
    pub fn ask<C: Command>(&mut self, run: &str, command: &C) -> Result<Reply, Fault> {
        self.send(run, Way::Forward, command)
    }

    /// Is asked to take a step of a run back, and answers.
    ///
    /// # Errors
    ///
    /// What the handler could not do.
    pub fn ask_back<C: Command>(&mut self, run: &str, command: &C) -> Result<Reply, Fault> {
        self.send(run, Way::Back, command)
    }

    fn send<C: Command>(&mut self, run: &str, way: Way, command: &C) -> Result<Reply, Fault> {
        let step = StepRef {
            saga: "story".into(),
            run: run.into(),
            step: "step".into(),
            way,
            round: 0,
            attempt: 1,
            reply_to: Some("story.replies".into()),
            deadline: None,
        };
        let body = serde_json::to_vec(command)?.into();
        let message = self.message(Kind::Command, C::NAME, Key::new(run), run, Some(step), body);
        self.handle("commands", message)?;
        let replies = self.said.iter().rposition(|said| said.kind == Kind::Reply);
        let at = replies.ok_or_else(|| Fault::new(format!("`{}` is not answered yet", C::NAME)))?;
        Ok(serde_json::from_slice(&self.said.remove(at).body)?)
    }

    fn message(
        &mut self,
        kind: Kind,
        name: &str,
        key: Key,
        correlation: &str,
        step: Option<StepRef>,
        body: Bytes,
    ) -> Message {
        self.count += 1;
        let envelope = Envelope {
            id: crate::id::derived(&["story", &self.count.to_string()]),
            kind,
            name: name.into(),
            version: 1,
            key,
            correlation: correlation.into(),
            causation: None,
            hop: 0,
            occurred_at: self.now,
            traceparent: None,
            stamp: None,
            step,
        };
        Message::new(envelope, body)
    }

    /// Handles a message, and makes the calls to the outside that it asks for.
    fn handle(&mut self, topic: &str, message: Message) -> Result<(), Fault> {
        let correlation = message.envelope.correlation.clone();
        let mut work = vec![Work::Message { topic: topic.into(), message }];
        while let Some(next) = work.pop() {
            let cause = Cause { correlation: correlation.clone(), ..Cause::default() };
            let mut tx = Tx::new(R::NAME, self.now);
            self.poll(&mut tx, &cause, &next)?;
            let effects = tx.keep();
            for (slot, value) in tx.reads().take_writes().0 {
                match value {
                    Some(value) => drop(self.slots.insert(slot, value)),
                    None => drop(self.slots.remove(&slot)),
                }
            }
            self.said.extend(effects.sends.into_iter().map(|(_, send)| send));
            for calling in effects.calls {
                let outcome = ready(self.handler.call(&calling, 1), R::NAME)?;
                work.push(Work::Called { calling, outcome: Ok(outcome) });
            }
        }
        Ok(())
    }

    /// Runs the handler until it misses nothing.
    fn poll(&mut self, tx: &mut Tx, cause: &Cause, work: &Work) -> Result<(), Fault> {
        loop {
            tx.enter(cause.clone());
            let polled = {
                let mut future = self.handler.handle(tx, work);
                future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            };
            if !tx.reads().take_missed() {
                return match polled {
                    Poll::Ready(Ok(())) => Ok(()),
                    Poll::Ready(Err(Trouble::Fault(fault))) => Err(fault),
                    Poll::Ready(Err(Trouble::Wait)) => Err(Fault::new("a call is under way")),
                    Poll::Ready(Err(Trouble::Unknown(why) | Trouble::Dead(why))) => {
                        Err(Fault::new(why))
                    }
                    Poll::Pending => Err(Fault::new("it waits for something")),
                };
            }
            let wanted = tx.reads().take_wanted();
            let found = wanted.slots.keys().filter_map(|slot| {
                self.slots.get(slot).map(|value| (slot.clone(), value.body.clone()))
            });
            let found = found.collect();
            tx.reads().feed(&wanted, &found);
            for scan in wanted.scans {
                let rows = self.slots.iter().filter(|(slot, _)| {
                    slot.space == Space::Rows
                        && slot.table == scan.table
                        && slot.key >= scan.from
                        && scan.to.as_ref().is_none_or(|to| slot.key < *to)
                });
                let rows = rows.map(|(slot, value)| (slot.key.clone(), value.body.clone()));
                let rows = rows.take(scan.limit as usize).collect();
                tx.reads().feed_scan(scan, rows);
            }
        }
    }

    fn slot<K: TableKey, V: Record>(table: Table<K, V>, key: &K) -> Slot {
        Slot::new(Space::Rows, format!("{}.{}", R::NAME, table.name()), key.to_bytes())
    }

    /// A row of a table of the service.
    ///
    /// # Panics
    ///
    /// If the row is not what its table says.
    #[must_use]
    pub fn row<K: TableKey, V: Record>(&self, table: Table<K, V>, key: &K) -> Option<V> {
        let value = self.slots.get(&Self::slot(table, key))?;
        Some(serde_json::from_slice(&value.body).expect("a row is read as it was written"))
    }

    /// The events of this type that it has said, in order.
    #[must_use]
    pub fn said<E: Event>(&self) -> Vec<E> {
        let said = self.said.iter().filter(|said| said.name == E::NAME);
        said.filter_map(|said| serde_json::from_slice(&said.body).ok()).collect()
    }

    /// The names of all that it has said, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.said.iter().map(|said| said.name.to_string()).collect()
    }
}

/// What a call brings, if it does not wait.
fn ready<T>(
    mut call: crate::future::BoxFuture<'_, Result<T, Fault>>,
    service: &str,
) -> Result<T, Fault> {
    match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(brought) => brought,
        Poll::Pending => Err(Fault::new(format!("a call of `{service}` waits for something"))),
    }
}
