//! Setting messages aside, and what becomes of them.
//!
//! A handler that faults holds its key, in order, with back-off; every other key goes on. After its
//! attempts the message is a dead letter, in the transaction that advances the lane. Something that is
//! only *not yet* possible is never counted and holds nobody.

use crate::clock::Time;
use crate::engine::handler::Trouble;
use crate::engine::memory::Memory;
use crate::engine::settings::Settings;
use crate::engine::sort::{Item, Origin};
use crate::engine::work::Work;
use crate::id::derived;
use crate::mistake::Mistake;
use crate::store::{DeadLetter, Held, LaneId, Parked, Writes};
use std::sync::Arc;
use std::time::Duration;

/// Sets aside and releases, in the memory of the next batch and in what this one writes.
pub(super) struct Parking<'a> {
    pub(super) lane: &'a LaneId,
    pub(super) memory: &'a mut Memory,
    pub(super) writes: &'a mut Writes,
    pub(super) settings: &'a Settings,
    pub(super) now: Time,
}

impl Parking<'_> {
    /// What is known of an item that was set aside before.
    fn earlier(&self, item: &Item) -> Option<Arc<Parked>> {
        match item.origin {
            Origin::Parked(number) => self.memory.parked.get(&number).cloned(),
            _ => None,
        }
    }

    /// The message waits behind others of its key. One that was due is not due any more: it is tried
    /// when those before it are gone.
    pub(super) fn behind(&mut self, item: &Item) {
        let (held, reason) = match self.memory.is_calling(&item.work.key()) {
            true => (Held::Calling, "a call of its key is under way"),
            false => (Held::Behind, "it stands behind another message of its key"),
        };
        match self.earlier(item) {
            Some(earlier) if earlier.held == Held::NotYet => {
                let due = self.now.after(self.settings.not_yet.delay(earlier.attempts));
                let reason = earlier.reason.clone();
                self.put(item, Held::NotYet, earlier.attempts, Some(due), reason);
            }
            Some(earlier) if earlier.due.is_none() && earlier.held != Held::Gap => {}
            earlier => {
                let attempts = earlier.map_or(0, |earlier| earlier.attempts);
                self.put(item, held, attempts, None, reason.to_owned());
            }
        }
    }

    /// It may be what ends the process: it is tried alone. From now on its attempts count deaths, of
    /// which it has caused none so far.
    pub(super) fn suspect(&mut self, item: &Item) {
        let earlier = self.earlier(item);
        if earlier.as_ref().is_some_and(|earlier| earlier.held == Held::Suspect) {
            return;
        }
        let reason = "the process died; it is tried alone".to_owned();
        self.put(item, Held::Suspect, 0, None, reason);
    }

    /// It is about to be tried alone.
    pub(super) fn mark(&mut self, item: &Item) {
        let attempts = self.earlier(item).map_or(1, |earlier| earlier.attempts + 1);
        let reason = format!("it is tried alone, for the {attempts}. time");
        self.put(item, Held::Suspect, attempts, Some(self.now), reason);
    }

    /// It was not tried after all, for its process ends in order.
    pub(super) fn acquit(&mut self, item: &Item) {
        let attempts = self.earlier(item).map_or(0, |earlier| earlier.attempts.saturating_sub(1));
        let reason = "the process ended before it was tried alone".to_owned();
        self.put(item, Held::Suspect, attempts, None, reason);
    }

    /// The message could not be handled. Says whether it was given up, so that others may go on.
    pub(super) fn trouble(&mut self, item: &Item, trouble: Trouble) -> bool {
        let attempts = self.earlier(item).map_or(0, |earlier| earlier.attempts);
        let dead = self.writes.dead.len();
        match trouble {
            Trouble::Fault(fault) if fault.is_not_yet() => {
                let due = self.now.after(self.settings.not_yet.delay(attempts + 1));
                self.put(item, Held::NotYet, attempts + 1, Some(due), fault.to_string());
            }
            Trouble::Fault(fault) => self.fault(item, attempts + 1, fault.to_string()),
            Trouble::Wait => {
                let due = self.now.after(Duration::from_millis(100));
                self.put(item, Held::Calling, attempts, Some(due), "a call is under way".into());
            }
            Trouble::Unknown(why) => self.put(item, Held::Unknown, attempts, None, why),
            Trouble::Dead(why) => self.bury(item, attempts + 1, why),
        }
        self.writes.dead.len() > dead
    }

    /// What a call brought is never given up: nobody else knows it.
    fn fault(&mut self, item: &Item, attempts: u32, why: String) {
        let replayed = matches!(item.origin, Origin::Dead(_));
        let called = matches!(item.work, Work::Called { .. });
        let is_last = attempts >= self.settings.attempts || Mistake::FirstFaultIsDeath.is_made();
        if (is_last || replayed) && !called {
            return self.bury(item, attempts, why);
        }
        let due = self.now.after(self.settings.retry.delay(attempts));
        tracing::warn!(lane = %self.lane, what = item.work.name(), attempts, why, "set aside");
        self.put(item, Held::Fault, attempts, Some(due), why);
    }

    fn put(&mut self, item: &Item, held: Held, attempts: u32, due: Option<Time>, reason: String) {
        if Mistake::ReleaseInAnyOrder.is_made() {
            self.done(item);
        }
        let earlier = self.earlier(item);
        let parked = Parked {
            number: earlier.as_ref().map_or_else(|| self.memory.next_number(), |e| e.number),
            key: item.work.key(),
            held,
            attempts,
            since: earlier.as_ref().map_or(self.now, |earlier| earlier.since),
            due,
            reason,
            edge: None,
            body: item.work.encode(),
        };
        if !Mistake::ParkedInMemory.is_made() {
            self.writes.parked.push(parked.clone());
        }
        self.memory.parked.insert(parked.number, Arc::new(parked));
        if let Origin::Dead(id) = item.origin {
            self.writes.replayed.push(id);
        }
    }

    /// Gives a message up, until somebody replays it.
    pub(super) fn bury(&mut self, item: &Item, attempts: u32, reason: String) {
        tracing::error!(lane = %self.lane, what = item.work.name(), attempts, reason, "given up");
        let body = item.work.encode();
        let id = match item.origin {
            Origin::Dead(id) => id,
            _ => derived(&[&self.lane.to_string(), &String::from_utf8_lossy(&body)]),
        };
        let (lane, key) = (self.lane.clone(), item.work.key());
        let letter = DeadLetter { id, lane, key, reason, at: self.now, attempts, body };
        if !Mistake::DeadAndNotWritten.is_made() {
            self.writes.dead.push(letter);
        }
        self.done(item);
    }

    /// The message is not set aside any more.
    pub(super) fn done(&mut self, item: &Item) {
        if let Origin::Parked(number) = item.origin {
            self.release(number);
        }
    }

    pub(super) fn release(&mut self, number: u64) {
        self.memory.parked.remove(&number);
        self.writes.parked.retain(|parked| parked.number != number);
        self.writes.released.push(number);
    }
}
