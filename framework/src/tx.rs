//! The open transaction of a handler.
//!
//! A handler reads and writes through [`Tx`] and through nothing else. It is run more than once: a
//! first time to find out what it reads, then for real. What it says before that counts for nothing.
//!
//! ```text
//! poll ──miss──► note the key ──► (all handlers of the batch) ──► one statement fetches all ──► poll again
//!   └── no miss: run in order over what was fetched; writes are kept until the batch is flushed
//! ```
//!
//! The method is the discovery of `docs/internals/architecture.md` (H12 of the design review): the
//! number of statements does not depend on the number of messages.

mod effects;
mod entry;
mod fits;
mod numbers;
mod reads;
mod recall;

pub use effects::{Cause, Effects, Send};
pub(crate) use entry::Entry;
pub(crate) use numbers::Numbers;
pub use numbers::Place;
pub(crate) use reads::Wanted;
pub(crate) use recall::{Recall, Trust};

use crate::clock::Time;
use crate::error::{Error, Fault};
use crate::message::Record;
use crate::store::{Lock, Scan, Slot, Space, Value};
use crate::table::{Table, TableKey, read_row};
use crate::view::View;
use crate::view::generation::{Generations, row};
use bytes::Bytes;
use reads::Reads;
use std::any::Any;
use std::fmt;
use std::time::Duration;

/// The open transaction of a handler. Not `Clone`, no pool inside: nothing escapes it.
///
/// # If the process dies
///
/// Nothing that was done through it has happened, unless the transaction of the batch was committed;
/// then all of it has, together with the progress of the lane.
pub struct Tx {
    service: String,
    now: Time,
    pub(crate) cause: Cause,
    pub(crate) effects: Effects,
    numbers: Numbers,
    reads: Reads,
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transaction of `{}` at {}", self.service, self.now)
    }
}

impl Tx {
    /// A transaction of a service, at a time of its lane.
    pub(crate) fn new(service: impl Into<String>, now: Time) -> Self {
        Self {
            service: service.into(),
            now,
            cause: Cause::default(),
            effects: Effects::default(),
            numbers: Numbers::default(),
            reads: Reads::default(),
        }
    }

    /// The same for a lane, whose messages have places.
    pub(crate) fn numbered(self, numbers: Numbers) -> Self {
        Self { numbers, ..self }
    }

    /// The same for a lane that remembers what it wrote.
    pub(crate) fn recalling(self, recall: Recall) -> Self {
        Self { reads: Reads::recalling(recall), ..self }
    }

    /// What the lane remembers after the batch, if that was committed.
    pub(crate) fn committed(self) -> Recall {
        self.reads.into_recall().committed()
    }

    /// What it remembers if there was no batch after all.
    pub(crate) fn came_to_nothing(self) -> Recall {
        self.reads.into_recall()
    }

    /// The time of the lane: the database's, read once per batch, never backwards.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// The business transaction that the message belongs to.
    #[must_use]
    pub fn correlation(&self) -> &str {
        &self.cause.correlation
    }

    /// How many messages lie between this one and the beginning of its business transaction: what follows
    /// from another has more.
    #[must_use]
    pub const fn hop(&self) -> u32 {
        self.cause.hop
    }

    /// How long the message has waited, since it was first said to be [not yet](Fault::not_yet) ready.
    #[must_use]
    pub const fn waited(&self) -> Duration {
        self.cause.waited
    }

    /// Reads a row that is going to be changed: it is locked until the end of the transaction.
    ///
    /// # Errors
    ///
    /// A fault if the row is not what its table says.
    pub async fn get<K, V>(&mut self, table: Table<K, V>, key: &K) -> Result<Option<V>, Fault>
    where
        K: TableKey,
        V: Record,
    {
        let slot = self.row(table, key);
        let found = self.value(slot.clone(), Lock::Change).await;
        decode(&slot, found)
    }

    /// Reads a row that is not going to be changed; it is not locked.
    ///
    /// # Errors
    ///
    /// A fault if the row is not what its table says.
    pub async fn peek<K, V>(&mut self, table: Table<K, V>, key: &K) -> Result<Option<V>, Fault>
    where
        K: TableKey,
        V: Record,
    {
        let slot = self.row(table, key);
        let found = self.value(slot.clone(), Lock::Peek).await;
        decode(&slot, found)
    }

    /// Reads several rows that are going to be changed, in one round.
    ///
    /// # Errors
    ///
    /// A fault if a row is not what its table says.
    pub async fn get_all<K, V>(
        &mut self,
        table: Table<K, V>,
        keys: &[K],
    ) -> Result<Vec<Option<V>>, Fault>
    where
        K: TableKey,
        V: Record,
    {
        let slots: Vec<Slot> = keys.iter().map(|key| self.row(table, key)).collect();
        self.all(&slots, Lock::Change).await;
        slots.iter().map(|slot| decode(slot, self.reads.at(slot))).collect()
    }

    /// Reads the rows whose keys lie between `from` and `to` (not included), at most `limit`, in order.
    /// Locks nothing.
    ///
    /// # Errors
    ///
    /// A fault if a row is not what its table says.
    pub async fn scan<K, V>(
        &mut self,
        table: Table<K, V>,
        from: &K,
        to: Option<&K>,
        limit: u32,
    ) -> Result<Vec<(K, V)>, Fault>
    where
        K: TableKey,
        V: Record,
    {
        let table = self.table_name(table.name());
        let (from, to) = (from.to_bytes().into(), to.map(|key| key.to_bytes().into()));
        let scan = Scan { table: table.into(), from, to, limit };
        let Some(rows) = self.reads.scan(&scan) else {
            return std::future::pending().await;
        };
        rows.into_iter().map(|row| Ok(read_row(&scan.table, row)?)).collect()
    }

    /// Writes a row, at the end of the batch, with all others in one statement.
    ///
    /// # Errors
    ///
    /// A fault if the value cannot be written as JSON.
    pub fn put<K, V>(&mut self, table: Table<K, V>, key: &K, value: &V) -> Result<(), Fault>
    where
        K: TableKey,
        V: Record,
    {
        let value = Value::plain(serde_json::to_vec(value)?);
        self.reads.write(self.row(table, key), Some(value));
        Ok(())
    }

    /// Deletes a row, at the end of the batch.
    pub fn delete<K: TableKey, V: Record>(&mut self, table: Table<K, V>, key: &K) {
        self.reads.write(self.row(table, key), None);
    }

    /// Reads a row of a view: what this service knows from others' events.
    ///
    /// # Errors
    ///
    /// A fault if the row is not what the view says.
    pub async fn view<W: View>(&mut self, key: &W::Key) -> Result<Option<W::Row>, Fault> {
        // A view that was never rebuilt is read by one round: which generation it is, and its row.
        let (now, first) = (Generations::slot::<W>(), row::<W>(1, key.to_bytes()));
        self.all([&now, &first], Lock::Peek).await;
        let read = Generations::at(&now, self.reads.at(&now).as_deref())?.read;
        let slot = row::<W>(read, key.to_bytes());
        let found = self.value(slot.clone(), Lock::Peek).await;
        decode(&slot, found)
    }

    /// Waits until all of these are fetched, in one round.
    async fn all<'a>(&mut self, slots: impl IntoIterator<Item = &'a Slot>, lock: Lock) {
        let missing = slots.into_iter().filter(|slot| self.reads.want(slot, lock)).count();
        if missing > 0 {
            std::future::pending::<()>().await;
        }
    }

    /// The name of a service's table in the store.
    fn table_name(&self, table: &str) -> String {
        format!("{}.{table}", self.service)
    }

    fn row<K: TableKey, V: Record>(&self, table: Table<K, V>, key: &K) -> Slot {
        Slot::new(Space::Rows, self.table_name(table.name()), key.to_bytes())
    }

    /// Reads whatever is at a slot, or waits until the lane has fetched it.
    pub(crate) async fn value(&mut self, slot: Slot, lock: Lock) -> Option<Bytes> {
        if self.reads.want(&slot, lock) {
            return std::future::pending().await;
        }
        self.reads.at(&slot)
    }

    /// Whether something is at a slot that is the lane's own, as [`document`](Self::document) says.
    pub(crate) async fn is_there(&mut self, slot: &Slot, should: Should) -> bool {
        self.own(slot, should).await;
        self.reads.at(slot).is_some()
    }

    /// Reads a document at a slot that nobody but the owner of the lane writes. What it wrote itself it
    /// remembers. Where nothing [should be](Should::BeAbsent) it does not look: if there is something, what
    /// is written there fails, and the next time it looks.
    pub(crate) async fn document<T: Any, E: fmt::Display>(
        &mut self,
        slot: &Slot,
        should: Should,
        decode: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<Option<T>, Error> {
        self.own(slot, should).await;
        match self.reads.take_document(slot) {
            Some(document) => Ok(Some(*document)),
            None => self.reads.at(slot).map(|body| slot.read_by(&body, decode)).transpose(),
        }
    }

    async fn own(&mut self, slot: &Slot, should: Should) {
        let is_missing = match should {
            Should::BeAbsent => self.reads.assume_absent(slot),
            Should::BeAnything => self.reads.want(slot, Lock::Own),
        };
        if is_missing {
            std::future::pending::<()>().await;
        }
    }

    /// Writes a document at a slot that nobody but the owner of the lane writes.
    pub(crate) fn write_document<T>(&mut self, slot: Slot, value: Value, document: T)
    where
        T: Any + std::marker::Send + Sync,
    {
        self.reads.write_document(slot, value, Box::new(document));
    }

    /// Writes whatever is at a slot.
    pub(crate) fn write(&mut self, slot: Slot, value: Option<Value>) {
        self.reads.write(slot, value);
    }

    /// Says something: it is sent when the transaction is committed. Says where it stands.
    pub(crate) fn say(&mut self, send: Send) -> Place {
        let place = self.numbers.next(&send.topic, &send.key);
        self.effects.sends.push((place, send));
        place
    }

    /// The lane's numbers, which tell ids and stamps of what was said.
    pub(crate) const fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    pub(crate) const fn reads(&mut self) -> &mut Reads {
        &mut self.reads
    }

    /// Begins a message: nothing of it has been said yet.
    pub(crate) fn enter(&mut self, cause: Cause) {
        self.cause = cause;
        self.discard();
    }

    /// What the message said and wrote is kept for those after it.
    pub(crate) fn keep(&mut self) -> Effects {
        self.reads.keep();
        self.numbers.keep();
        std::mem::take(&mut self.effects)
    }

    /// What the message said and wrote has not happened.
    pub(crate) fn discard(&mut self) {
        self.reads.discard();
        self.numbers.discard();
        self.effects = Effects::default();
    }
}

/// What a handler expects to be at a slot of its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Should {
    /// Nothing: as far as is known it is asked for the first time.
    BeAbsent,
    /// It does not know.
    BeAnything,
}

fn decode<V: Record>(slot: &Slot, bytes: Option<Bytes>) -> Result<Option<V>, Fault> {
    Ok(bytes.map(|bytes| slot.read(&bytes)).transpose()?)
}
