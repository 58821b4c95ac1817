//! Gathering: waiting until there is something to do, and laying it out in the order of its batch.

use crate::broker::Arrived;
use crate::clock::{Stopwatch, Time, rest};
use crate::engine::lane::Lane;
use crate::engine::run::{Draft, replays};
use crate::engine::settings::Settings;
use crate::engine::sort::{Item, Origin, Sorter, foreign_id};
use crate::engine::work::Work;
use crate::error::{Error, ErrorKind};
use crate::mistake::Mistake;
use crate::store::{Batch, Due, Held, Timer};
use futures::FutureExt;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// So often at least an owner that rests asks the store whether the lane is still its own. A process that was
/// replaced and does not know it may take the lane once more and go again, and nobody is told of that.
const WATCH: Duration = Duration::from_secs(10);

/// How long all else waits for the log, if the batch before has not read it. Begins and calls that end without a
/// pause would be all that a lane does, and no run would ever hear an answer.
const TURN: Duration = Duration::from_millis(20);

/// What one batch will work on.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) arrived: Vec<Arrived>,
    inbox: bool,
}

/// What a lane does whose memory is full of what is set aside. It may not stop to read, for what all that
/// waits for may stand in the log behind it. So it reads on, one message at a time, and as fast as ever as
/// long as they pass; each that must be set aside too makes it wait longer for the next one. Memory grows
/// by one message in [`Settings::again`](crate::Settings::again)'s longest delay, and health tells.
#[derive(Default)]
pub(super) struct Crowd {
    /// How many in a row were set aside, and when the last one was.
    slow: Option<(u32, Stopwatch)>,
}

impl Crowd {
    /// A batch has read the log; so much was set aside before it, and so much is now.
    pub(super) fn read(&mut self, settings: &Settings, before: usize, now: usize) {
        let last = self.slow.map_or(0, |(times, _)| times);
        let is_worse = before >= settings.parked && now > before;
        self.slow = is_worse.then(|| (last + 1, Stopwatch::start()));
    }

    /// How many messages may be read, and after how long.
    fn pace(&self, settings: &Settings, set_aside: usize) -> (usize, Duration) {
        if set_aside < settings.parked {
            return (settings.batch, Duration::ZERO);
        }
        let slow = |(times, since): (u32, Stopwatch)| {
            settings.again.delay(times).saturating_sub(since.elapsed())
        };
        (1, self.slow.map_or(Duration::ZERO, slow))
    }
}

impl Lane {
    /// What the lane's clock says by now, as far as can be told without asking the database.
    fn now(&self) -> Time {
        self.memory.time.after(self.since.elapsed())
    }

    /// When something is due.
    fn due(&self) -> Option<Time> {
        let timer = self.memory.due.filter(|_| self.memory.is_caught_up());
        let gap = self.memory.gap_due(&self.wiring.settings);
        timer.into_iter().chain(self.memory.parked_due()).chain(gap).min()
    }

    /// Whether something is due, as far as can be told without asking the database.
    pub(super) fn is_due(&self) -> bool {
        self.due().is_some_and(|due| due <= self.now())
    }

    /// How long it may rest: until something is due, or until it looks whether the lane is still its own. A
    /// database whose clock was set back does not think that something is due for as long as that was: after
    /// the second time it is asked less and less often.
    fn rest_for(&self) -> Duration {
        let again = match self.early {
            0 | 1 => Duration::ZERO,
            early => self.wiring.settings.again.delay(early - 1),
        };
        self.due().map_or(WATCH, |due| due.since(self.now()).max(again).min(WATCH))
    }

    /// Waits until there is something to do, without lingering: what comes meanwhile is the next batch.
    pub(super) async fn gather(&mut self) -> Result<Option<Gathered>, Error> {
        self.settle_what_is_known()?;
        self.hint.done(self.looked);
        let inbox = self.hint.rung().now_or_never().is_some();
        self.called.extend(std::iter::from_fn(|| self.calls.try_next()));
        self.take_handed();
        let gathered = match inbox || !self.called.is_empty() || !self.handed.is_empty() {
            true => self.gather_with_the_log(inbox).await?,
            false => self.gather_what_comes().await?,
        };
        if let Some(gathered) = &gathered {
            self.take_handed();
            self.passed = gathered.arrived.is_empty();
        }
        Ok(gathered)
    }

    /// There is something to do already. What the log has by now goes with it; if the batch before has passed it
    /// over, it is waited for.
    async fn gather_with_the_log(&mut self, inbox: bool) -> Result<Option<Gathered>, Error> {
        let (most, pace) = self.crowd.pace(&self.wiring.settings, self.memory.parked.len());
        let is_read = pace.is_zero();
        let turn = if self.passed && is_read { TURN } else { Duration::ZERO };
        let mut turn = std::pin::pin!(rest_at_most(turn));
        let arrived = loop {
            tokio::select! {
                biased;
                () = told_to_stop(&mut self.stopped) => return Ok(None),
                arrived = self.reader.next(most), if is_read => break arrived,
                () = &mut turn => break Ok(Vec::new()),
                settled = self.following.next() => self.settle(settled)?,
            }
        };
        if inbox && arrived.is_err() {
            self.hint.ring();
        }
        Ok(Some(Gathered { arrived: arrived?, inbox }))
    }

    async fn gather_what_comes(&mut self) -> Result<Option<Gathered>, Error> {
        let mut gathered = Gathered::default();
        let settings = Arc::clone(&self.wiring.settings);
        let (most, pace) = self.crowd.pace(&settings, self.memory.parked.len());
        let enough = self.rest_for();
        let reader = &mut self.reader;
        let reading = async {
            if !pace.is_zero() {
                rest(pace).await;
            }
            reader.next(most).await
        };
        let unmarked = self.publisher.published() > self.marked;
        tokio::select! {
            biased;
            () = told_to_stop(&mut self.stopped) => return Ok(None),
            work = self.calls.next() => self.called.push(work),
            () = self.hint.rung() => gathered.inbox = true,
            () = self.clerk.desk().come() => {}
            arrived = reading => gathered.arrived = arrived?,
            () = rest(enough) => {}
            () = rest(settings.mark), if unmarked => return self.mark().await.map(|()| None),
            () = self.publisher.progress() => return Ok(None),
            settled = self.following.next() => return self.settle(settled).map(|()| None),
        }
        self.called.extend(std::iter::from_fn(|| self.calls.try_next()));
        Ok(Some(gathered))
    }

    /// Writes down how much has reached the broker, when no batch does it.
    pub(super) async fn mark(&mut self) -> Result<(), Error> {
        let published = self.publisher.published();
        self.wiring.store.published(&self.id, self.memory.epoch, published).await?;
        self.marked = published;
        Ok(())
    }

    /// Fills the queue: calls that ended, what comes back, the inbox, what was handed over, the log, and then timers.
    pub(super) async fn fill(
        &mut self,
        draft: &mut Draft<'_>,
        batch: &mut dyn Batch,
        gathered: Gathered,
    ) -> Result<(), Error> {
        let Gathered { arrived, inbox } = gathered;
        let settings = Arc::clone(&self.wiring.settings);
        let limit = u32::try_from(settings.batch).unwrap_or(u32::MAX);
        let mut queue: VecDeque<Item> =
            self.called.iter().map(|work| Item::new(work.clone(), Origin::Call)).collect();
        let now = draft.now;
        for parked in draft.memory.parked.values() {
            let due = parked.due.is_some_and(|due| due <= now);
            if due || (self.refeed && parked.held == Held::Unknown) {
                queue.push_back(Item::new(
                    Work::decode(&parked.body)?,
                    Origin::Parked(parked.number),
                ));
            }
        }
        draft.handed = self.handed();
        self.clerk.tries(!draft.handed.is_empty());
        if inbox {
            self.looked = self.hint.told();
            self.take_inbox(&mut queue, draft, batch, limit).await?;
        }
        draft.line_up(&mut queue);
        let behind = self.is_behind(&arrived, now);
        let foreign: BTreeSet<String> = arrived.iter().filter_map(foreign_id).collect();
        let seen = if foreign.is_empty() { BTreeSet::new() } else { batch.seen(&foreign).await? };
        let compacted = self.compacted();
        let (memory, writes) = (&mut draft.memory, &mut draft.writes);
        let oldest = now.before(settings.retention.seen);
        let mut sorter =
            Sorter { memory, writes, now, oldest, seen: &seen, compacted: &compacted, queue };
        for arrived in arrived {
            sorter.arrived(arrived);
        }
        draft.queue = sorter.queue;
        let due = draft.memory.due.is_some_and(|due| due <= now);
        if due && !behind && draft.memory.is_caught_up() {
            self.has_looked(draft.memory.due, now)?;
            let Due { timers, next } = batch.due(limit).await?;
            let fired = timers.len();
            draft.memory.due = if fired == settings.batch { Some(now) } else { next };
            draft.queue.extend(timers.into_iter().map(|(Timer { due, id }, key)| {
                Item::new(Work::Timer { id, key }, Origin::Timer(due))
            }));
            if Mistake::TimersFirst.is_made() {
                draft.queue.rotate_right(fired);
            }
        }
        Ok(())
    }

    async fn take_inbox(
        &self,
        queue: &mut VecDeque<Item>,
        draft: &mut Draft<'_>,
        batch: &mut dyn Batch,
        limit: u32,
    ) -> Result<(), Error> {
        let rows = batch.inbox(limit).await?;
        draft.give_way_to(&rows);
        if rows.len() == limit as usize {
            self.hint.ring();
        }
        let replayed: BTreeSet<_> =
            rows.iter().filter_map(|row| replays(&row.entry.body)).collect();
        if !replayed.is_empty() {
            for letter in batch.dead(&replayed).await? {
                match Work::decode(&letter.body) {
                    Ok(_) if Mistake::ReplayByEdge.is_made() => {}
                    Ok(work) => queue.push_back(Item::new(work, Origin::Dead(letter.id))),
                    // It stays where it is, and holds up nobody.
                    Err(told) => {
                        tracing::error!(lane = %self.id, id = %letter.id, %told, "not replayed");
                    }
                }
            }
        }
        for row in rows {
            if replays(&row.entry.body).is_some() {
                draft.writes.inbox_taken.push(row.number);
                continue;
            }
            let work = Work::Inbox { key: row.entry.key, body: row.entry.body };
            queue.push_back(Item::new(work, Origin::Inbox(row.number)));
        }
        Ok(())
    }

    fn compacted(&self) -> BTreeSet<String> {
        let sources = self.handler.sources().into_iter();
        sources.filter(|source| source.compacted).map(|source| source.topic).collect()
    }

    /// A deadline that passed long ago, unseen, is one that a process slept through that stood still. What
    /// was said meanwhile waits in the log, and may be what it was for: the lane is taken again, and reads
    /// that first (H16).
    fn has_looked(&self, due: Option<Time>, now: Time) -> Result<(), Error> {
        let lag = self.wiring.settings.lag;
        let is_late = due.is_some_and(|due| now.since(due) > lag);
        if is_late && self.since.elapsed() > lag && self.early == 0 {
            let told = "the process stood still; what waits in the log comes before deadlines";
            return Err(Error::new(ErrorKind::Busy, told));
        }
        Ok(())
    }

    /// Whether the lane is so far behind that time must not pass for it (H16).
    fn is_behind(&self, arrived: &[Arrived], now: Time) -> bool {
        let settings = &self.wiring.settings;
        let (most, _) = self.crowd.pace(settings, self.memory.parked.len());
        let full = arrived.len() >= most;
        let last = arrived.last().and_then(|arrived| arrived.message.as_ref().ok());
        let lag = last.map(|message| now.since(message.envelope.occurred_at));
        let behind = full && lag.is_some_and(|lag| lag > settings.lag);
        if behind && !Mistake::TimersWhileBehind.is_made() {
            tracing::error!(lane = %self.id, ?lag, "the lane is behind; deadlines do not fire");
            return true;
        }
        false
    }
}

/// Waits so long; not even for another turn if that is no time.
async fn rest_at_most(time: Duration) {
    if !time.is_zero() {
        rest(time).await;
    }
}

/// Waits until the lane is to stop.
pub(super) async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    if stopped.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("whoever could stop the lane is gone");
    }
}
