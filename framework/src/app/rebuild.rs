//! Views of a running app: read, watched, verified against the log, and folded anew.
//!
//! **Verifying** reads positions and rows at one moment, and then folds the log in memory up to those
//! positions, with the same fold, the same order and the same dropping of duplicates. The lanes go on
//! meanwhile and are not asked: what they do later stands behind the positions. It holds the rows of the
//! view twice in memory.
//!
//! **Rebuilding** is asked of the lane of the generation that is read, and done by the lanes of the next
//! one: see `view/generation.rs`.

use crate::app::look::Wanted;
use crate::app::running::Running;
use crate::broker::Reader;
use crate::clock::{Stopwatch, rest};
use crate::engine::{Replay, Version};
use crate::error::{Error, ErrorKind};
use crate::message::Key;
use crate::store::{Inboxed, LaneId, Position, Slot};
use crate::table::TableKey;
use crate::tx::Entry;
use crate::view::generation::{Generations, name, row};
use crate::view::{Verified, View};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a replay waits for a message that must be in the log.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked which generation is read, while a row is watched.
const GLANCE: Duration = Duration::from_secs(1);

impl Running {
    async fn generations<W: View>(&self) -> Result<Generations, Error> {
        let slot = Generations::slot::<W>();
        Generations::at(&slot, self.at(&slot).await?.as_deref())
    }

    async fn view_row<W: View>(&self, key: &W::Key) -> Result<Slot, Error> {
        Ok(row::<W>(self.generations::<W>().await?.read, key.to_bytes()))
    }

    /// A row of a view, as it is committed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed; whoever asks again is told how it is then.
    pub async fn view<W: View>(&self, key: &W::Key) -> Result<Option<W::Row>, Error> {
        let slot = self.view_row::<W>(key).await?;
        self.at(&slot).await?.map(|row| slot.read(&row)).transpose()
    }

    /// Waits until a row of a view is as `until` wants it, so long.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed; whoever asks again is told how it is then.
    pub async fn watch_view<W: View>(
        &self,
        key: &W::Key,
        within: Duration,
        until: impl Fn(&W::Row) -> bool,
    ) -> Result<Option<W::Row>, Error> {
        let waited = Stopwatch::start();
        loop {
            let slot = self.view_row::<W>(key).await?;
            let left = within.saturating_sub(waited.elapsed());
            let found = self.wait_for_row(&slot, left.min(GLANCE), &until).await?;
            if found.is_some() || left <= GLANCE {
                return Ok(found);
            }
        }
    }

    /// Compares every row of a view with what the log says. The view goes on meanwhile.
    ///
    /// Messages that are set aside at that moment are late, so their rows may be named: see
    /// [`health`](Running::health).
    ///
    /// ```no_run
    /// # use ballet::{Running, View};
    /// # async fn verify<Cities: View>(app: &Running) -> Result<(), ballet::Error> {
    /// let verified = app.verify::<Cities>().await?;
    /// if !verified.is_clean() {
    ///     eprintln!("{verified}");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] or [`ErrorKind::Broker`] if rows or log cannot be read.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed, in the view or in the log. Ask again.
    pub async fn verify<W: View>(&self) -> Result<Verified, Error> {
        let group = name::<W>(self.generations::<W>().await?.read);
        let snapshot = self.wiring.store.snapshot(&group, Some(&group)).await?;
        let topics = snapshot.positions.values().flat_map(|at| at.keys().cloned()).collect();
        // A group of its own, so that nobody loses a lane for it.
        let reading = format!("{group}?{}", crate::id::fresh());
        let member = self.wiring.broker.join(&reading, &topics, self.wiring.lanes).await?;
        let (mut replay, mut missing) = (Replay::new::<W>(), 0);
        for (lane, positions) in snapshot.positions {
            let reader = member.reader(lane);
            missing += self.read_again(&mut replay, lane, positions, reader).await?;
        }
        let (replayed, messages) = replay.finish();
        let stored = snapshot.rows.into_iter().collect();
        Ok(Verified::compare(&stored, &replayed, messages, missing))
    }

    /// Replays what a lane has read, and says how much of it is gone.
    async fn read_again(
        &self,
        replay: &mut Replay,
        lane: u32,
        mut positions: BTreeMap<String, Position>,
        mut reader: Box<dyn Reader>,
    ) -> Result<u64, Error> {
        let mut missing = 0;
        let mut left = BTreeMap::new();
        for (topic, at) in &mut positions {
            let start = self.wiring.broker.range(topic, lane).await?.start;
            let from = start.clamp(at.from, at.next.max(at.from));
            missing += from - at.from;
            at.from = from;
            if from < at.next {
                left.insert(topic.clone(), (from, at.next));
            }
        }
        let begin = |(topic, at): (&String, &Position)| (topic.clone(), at.from);
        reader.seek(&positions.iter().map(begin).collect());
        replay.begin_lane(positions);
        while !left.is_empty() {
            let mut arrived = tokio::select! {
                biased;
                arrived = reader.next(self.wiring.settings.batch) => arrived?,
                () = rest(PATIENCE) => return Err(self.is_gone(lane, left.keys())),
            };
            arrived.retain(|arrived| {
                let Some((next, end)) = left.get_mut(&*arrived.topic) else { return false };
                let is_old = arrived.offset < *end;
                missing += arrived.offset.min(*end).saturating_sub(*next);
                *next = arrived.offset + 1;
                is_old
            });
            left.retain(|_, (next, end)| next < end);
            replay.take(arrived);
        }
        Ok(missing)
    }

    fn is_gone<'a>(&self, lane: u32, topics: impl Iterator<Item = &'a String>) -> Error {
        let topics: Vec<&str> = topics.map(String::as_str).collect();
        let text =
            format!("partition {lane} of {} does not give what was read of it", topics.join(", "));
        Error::new(ErrorKind::Broker, text)
    }

    /// Folds a view anew from the first message that is still there, and waits for that so long. `true`:
    /// the new rows are read now. `false`: it goes on by itself; asking again waits for the same.
    ///
    /// Until the new rows are complete the old ones are read, and they go on too. The lanes of the new ones
    /// are in [`health`](Running::health) and not well until they have caught up.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if messages that the view was folded from are gone: the new rows would lack
    /// them. [`rebuild_from_what_is_left`](Running::rebuild_from_what_is_left) does it all the same.
    ///
    /// # If the process dies
    ///
    /// Before this returns, it may or may not have been asked for: ask again. Once it is, any process that
    /// serves the view goes on with it.
    pub async fn rebuild<W: View>(&self, within: Duration) -> Result<bool, Error> {
        let now = self.generations::<W>().await?;
        if now.folded.is_none() {
            self.check_whole(&name::<W>(now.read)).await?;
        }
        self.renew::<W>(now, within).await
    }

    /// [Rebuilds](Running::rebuild) a view although messages that it was folded from are gone. Right for
    /// folds that need only the newest message of each key, over a compacted topic; for others it loses
    /// what the gone messages said.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if it cannot be written down.
    ///
    /// # If the process dies
    ///
    /// As with [`rebuild`](Running::rebuild).
    pub async fn rebuild_from_what_is_left<W: View>(
        &self,
        within: Duration,
    ) -> Result<bool, Error> {
        self.renew::<W>(self.generations::<W>().await?, within).await
    }

    async fn renew<W: View>(&self, now: Generations, within: Duration) -> Result<bool, Error> {
        let read = now.read;
        if now.folded.is_none() {
            let lane = LaneId::new(name::<W>(read), 0);
            let (id, key) = (format!("rebuild/{read}"), Key::new("generations"));
            let entry = Inboxed { id, key, body: Entry::Rebuild { read }.bytes() };
            self.enter_lane(&lane, &entry, None).await?;
        }
        let slot = Generations::slot::<W>();
        let is_read = |row: Option<&Bytes>| {
            let now = Generations::at(&slot, row.map(|row| &**row)).ok()?;
            (now.read > read).then_some(())
        };
        let read = self.wait_for(Wanted::at(&slot, Version::Every), within, is_read).await?;
        Ok(read.is_some())
    }

    /// Refuses if anything is gone that a group has read.
    async fn check_whole(&self, group: &str) -> Result<(), Error> {
        let positions = self.wiring.store.snapshot(group, None).await?.positions;
        for (lane, topics) in positions {
            for (topic, Position { from, .. }) in topics {
                let start = self.wiring.broker.range(&topic, lane).await?.start;
                if start > from {
                    let text = format!(
                        "`{group}` was folded from message {from} of partition {lane} of `{topic}` \
                         on, and the log begins at {start} now"
                    );
                    return Err(Error::new(ErrorKind::Conflict, text));
                }
            }
        }
        Ok(())
    }
}
