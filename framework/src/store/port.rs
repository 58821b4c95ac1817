//! The port of a store: about twenty operations, each one transaction or one statement.
//!
//! A batch is the only transaction with several statements. It advances the lane's row by a
//! compare-and-set, so whatever else goes wrong with leases, clocks or assignment, two owners cannot both
//! commit (H21); adapters hold no decisions.

use crate::clock::Time;
use crate::edge::Edge;
use crate::error::Error;
use crate::message::Outgoing;
use crate::store::commit::Commit;
use crate::store::kept::{Kept, Pruned};
use crate::store::slot::{Lock, Scan, Slot};
use crate::store::writes::{
    Calling, DeadLetter, Due, InboxRow, Inboxed, LaneId, Parked, Position, Status, Writes,
};
use crate::text::Text;
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

/// What a new owner finds when it takes a lane.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// The epoch of this owner; every later one is greater.
    pub epoch: u64,
    /// How often the lane was taken since its last batch was committed, this time included.
    pub takes: u32,
    /// The number of the last batch.
    pub batch: u64,
    /// The clock of the lane.
    pub time: Time,
    /// Where to read each topic next; none are known to a lane that never ran.
    pub positions: BTreeMap<String, Position>,
    /// The last number used on each edge that leaves the lane.
    pub sent: BTreeMap<(Text, u32), u64>,
    /// The last number taken on each edge that enters it.
    pub taken: BTreeMap<Edge, u64>,
    /// Messages that are set aside, by number.
    pub parked: Vec<Parked>,
    /// Calls that were under way.
    pub calls: Vec<Calling>,
    /// Batches whose messages may not have reached the broker, in order.
    pub unpublished: Vec<(u64, Vec<Outgoing>)>,
    /// When the next timer is due.
    pub due: Option<Time>,
}

/// The compare-and-set of a batch.
#[derive(Debug, Clone)]
pub struct Advance {
    /// The lane.
    pub lane: LaneId,
    /// The epoch that must still be its own.
    pub epoch: u64,
    /// The number of the last batch; this one will be the next.
    pub batch: u64,
    /// Where each topic is read next, after this batch. Topics that are not among them stay as they are.
    pub positions: BTreeMap<String, Position>,
    /// All batches up to this one have reached the broker.
    pub published: u64,
    /// The newest time at which something was said that the batch handles. The time of the lane should not be
    /// before it: a store that only estimates what time it is asks its clock then.
    pub said: Time,
}

/// How the compare-and-set went.
#[allow(missing_debug_implementations)] // A transaction has nothing to show.
pub enum Begun {
    /// The lane was advanced, in a transaction that is open.
    Open(Box<dyn Batch>),
    /// The lane's row is another: this is what it says.
    Lost {
        /// The epoch of the owner.
        epoch: u64,
        /// Its last batch.
        batch: u64,
    },
}

/// What came of an entry for an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entered {
    /// It is in.
    New,
    /// An entry of this id is there already; this is its body.
    Waiting(Bytes),
    /// What it would bring about is there already.
    Exists(Bytes),
}

/// A run as it is listed.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// The saga.
    pub saga: String,
    /// The run.
    pub run: String,
    /// Its status.
    pub status: Status,
    /// Its journal, as it was written.
    pub body: Bytes,
}

/// What a statement found.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// What is at each slot that holds something.
    pub slots: BTreeMap<Slot, Bytes>,
    /// The rows of each scan, in order of their keys.
    pub scans: BTreeMap<Scan, Vec<(Bytes, Bytes)>>,
}

/// A group at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Where each of its lanes reads each topic next.
    pub positions: BTreeMap<u32, BTreeMap<String, Position>>,
    /// The rows of the table, in order of their keys.
    pub rows: Vec<(Bytes, Bytes)>,
}

/// Durable state.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Which life of the store this is; another one after a restore from backup.
    fn incarnation(&self) -> u32;

    /// Whether messages are appended to the broker's log in the same transaction, so that there is
    /// nothing to publish.
    fn is_fused(&self) -> bool {
        false
    }

    /// Whether other processes write to it too, so that what they write must be looked for.
    fn is_shared(&self) -> bool {
        true
    }

    /// The broker that is the store's own, if it has one.
    fn log(&self) -> Option<std::sync::Arc<dyn crate::broker::Broker>> {
        None
    }

    /// Writes down where a group begins to read the topics that it has never read; those that it has are
    /// left as they are. Only then is it said when *now* is, for those who begin there (H20).
    ///
    /// # If the process dies
    ///
    /// The lane is registered with all positions or with none; registering it again changes none
    /// that is there.
    async fn register(
        &self,
        lane: &LaneId,
        positions: &BTreeMap<String, Position>,
    ) -> Result<(), Error>;

    /// Makes the caller the owner of a lane, and nobody else any more.
    ///
    /// # If the process dies
    ///
    /// Either the lane has changed its owner or not. If so, nobody works in it until it is taken
    /// again.
    async fn take(&self, lane: &LaneId) -> Result<Taken, Error>;

    /// Begins a batch. That the lane is another's is told here, or at the latest by [`Batch::commit`].
    ///
    /// # If the process dies
    ///
    /// Before [`Batch::commit`] nothing has happened; after it, all of it has.
    async fn begin(&self, advance: &Advance) -> Result<Begun, Error>;

    /// Puts an entry into the inbox of a lane, unless something is at `unless` already or an entry of
    /// the same id is waiting.
    ///
    /// # If the process dies
    ///
    /// Before this returns the entry may or may not be there: put it there again, under the same
    /// id. After it returned, it stays until a batch takes it.
    async fn enter(
        &self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error>;

    /// Does what [`enter`](Self::enter) does, but answers as soon as the entry is precommitted: whoever owns the
    /// lane finds it from now on. A store that knows no such state answers when it is committed.
    ///
    /// # If the process dies
    ///
    /// As for [`enter`](Self::enter), where what that returns is known only when the commit is done.
    async fn enter_early(
        &self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<(Entered, Commit), Error> {
        Ok((self.enter(lane, entry, unless).await?, Commit::Done))
    }

    /// Writes down that all batches of a lane up to this one have reached the broker.
    ///
    /// # If the process dies
    ///
    /// The next owner publishes those batches again, and edges make it once.
    async fn published(&self, lane: &LaneId, epoch: u64, batch: u64) -> Result<(), Error>;

    /// The lanes in whose inbox something waits, as it is committed. Whoever writes there says so to the
    /// lanes of its own process; this finds what other processes have written.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    async fn waiting(&self) -> Result<BTreeSet<LaneId>, Error>;

    /// Deletes what is older than `age`, by the store's own clock, looking at about `limit` things. Where
    /// it stops it goes on the next time, so that each step is short whatever the store holds (H6).
    ///
    /// # If the process dies
    ///
    /// A step has happened as a whole or not at all; the next round finds what it left.
    async fn prune(&self, kind: Kept, age: Duration, limit: u32) -> Result<Pruned, Error>;

    /// Reads slots and ranges as they are committed, outside of any batch.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    async fn find(&self, slots: &BTreeSet<Slot>, scans: &BTreeSet<Scan>) -> Result<Found, Error>;

    /// Where the lanes of a group stand and what a table holds, both at one moment.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    async fn snapshot(&self, group: &str, table: Option<&str>) -> Result<Snapshot, Error>;

    /// Deletes what a group that is no more has left: the table of its name, and then its lanes with all
    /// that belongs to them. A step deletes about `limit` rows.
    ///
    /// # If the process dies
    ///
    /// A step has happened as a whole or not at all; the next one goes on.
    async fn forget(&self, group: &str, limit: u32) -> Result<Pruned, Error>;

    /// Lists the runs of a saga, newest first.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    async fn runs(
        &self,
        saga: &str,
        status: Option<Status>,
        limit: u32,
    ) -> Result<Vec<RunRow>, Error>;

    /// The dead letter of this id, if there is one. A store finds it by its key; this looks through all of
    /// them.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    async fn dead_letter(&self, id: Uuid) -> Result<Option<DeadLetter>, Error> {
        let letters = self.dead_letters(None, u32::MAX).await?;
        Ok(letters.into_iter().find(|letter| letter.id == id))
    }

    /// Lists dead letters, newest first; `group` narrows it to those of one group.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    async fn dead_letters(&self, group: Option<&str>, limit: u32)
    -> Result<Vec<DeadLetter>, Error>;
}

/// A transaction of somebody else's on the database of a store: what enters by it has entered if it
/// commits, together with whatever else it wrote.
///
/// A new store implements it for the connection of its driver.
#[async_trait]
pub trait Joined: Send {
    /// Which life of which store the database is; `None` if it is none of ours.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed.
    async fn incarnation(&mut self) -> Result<Option<u32>, Error>;

    /// Does what [`Store::enter`] does, in this transaction.
    ///
    /// # If the process dies
    ///
    /// Before the transaction is committed nothing has entered; after it, the entry has.
    async fn enter(
        &mut self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error>;
}

/// An open transaction that advances a lane.
#[async_trait]
pub trait Batch: Send {
    /// The time of the lane: the database's, never backwards.
    fn now(&self) -> Time;

    /// The entries of the lane's inbox, in order.
    ///
    /// # If the process dies
    ///
    /// Nothing has happened; the entries are there for the next owner.
    async fn inbox(&mut self, limit: u32) -> Result<Vec<InboxRow>, Error>;

    /// The timers that are due.
    ///
    /// # If the process dies
    ///
    /// Nothing has happened; the timers are due for the next owner.
    async fn due(&mut self, limit: u32) -> Result<Due, Error>;

    /// Reads slots, locking those that are going to be changed, in the order of their keys; and ranges.
    ///
    /// # If the process dies
    ///
    /// Nothing has happened; locks go with the transaction.
    async fn read(
        &mut self,
        slots: &BTreeMap<Slot, Lock>,
        scans: &BTreeSet<Scan>,
    ) -> Result<Found, Error>;

    /// Those of these foreign ids that were taken before.
    ///
    /// # If the process dies
    ///
    /// Nothing has happened.
    async fn seen(&mut self, ids: &BTreeSet<String>) -> Result<BTreeSet<String>, Error>;

    /// The dead letters of these ids.
    ///
    /// # If the process dies
    ///
    /// Nothing has happened.
    async fn dead(&mut self, ids: &BTreeSet<Uuid>) -> Result<Vec<DeadLetter>, Error>;

    /// Writes everything, one statement a kind.
    ///
    /// # If the process dies
    ///
    /// Nothing has happened: what is written here is seen when it is committed.
    async fn flush(&mut self, writes: Writes) -> Result<(), Error>;

    /// Commits.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unknown`](crate::ErrorKind::Unknown) if nobody knows whether it was committed: the
    /// next compare-and-set will tell (H17). [`ErrorKind::Superseded`](crate::ErrorKind::Superseded) if the
    /// lane is another's.
    ///
    /// # If the process dies
    ///
    /// All of the batch has happened or nothing; which of the two, the next owner finds in the
    /// lane's row.
    async fn commit(self: Box<Self>) -> Result<(), Error>;

    /// Commits, but answers as soon as the batch is precommitted: the next batch of the lane may begin, reads
    /// what this one wrote, and is on the disk after it or with it, or not at all. What leaves the process
    /// waits for the [`Commit`]. A store that knows no such state answers when it is committed.
    ///
    /// # Errors
    ///
    /// Those of [`commit`](Self::commit), here or from the [`Commit`]. If it is the latter that fails, what was
    /// begun meanwhile fails too, and the owner takes the lane again.
    ///
    /// # If the process dies
    ///
    /// As for [`commit`](Self::commit).
    #[must_use]
    async fn precommit(self: Box<Self>) -> Result<Commit, Error> {
        self.commit().await?;
        Ok(Commit::Done)
    }

    /// Takes everything back.
    ///
    /// # If the process dies
    ///
    /// Nothing has happened, all the same.
    async fn roll_back(self: Box<Self>);
}
