//! A lane whose process died again and again: it handles one thing at a time (H13).
//!
//! A handler that panics is a fault like any other. One that ends its process, by using up the memory or
//! the stack, takes its whole batch with it, and so does the next owner, for ever. Such a loop is known by
//! the lane's row, which counts how often the lane was taken without a batch in between. The lane then
//! sets aside whatever it gathers as *suspects*, in order, and tries them alone: it writes down which one
//! it is about to try, commits, and only then runs it. So whoever comes after a death knows which one it
//! was, and after some deaths gives that one up as a dead letter.

use crate::engine::calls::told_by;
use crate::engine::gather::Gathered;
use crate::engine::lane::Lane;
use crate::engine::run::Draft;
use crate::engine::sort::{Item, Origin};
use crate::engine::work::Work;
use crate::error::{Error, ErrorKind};
use crate::mistake::Mistake;
use crate::store::{Batch, Held, Parked};
use futures::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// What is done with a suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspicion {
    /// It is written down that it is about to be tried.
    Mark(u64),
    /// It is tried.
    Try(u64),
    /// It has ended the process too often.
    GiveUp(u64),
    /// It was not tried after all.
    Acquit(u64),
}

/// What a panic of the engine is told as.
fn fell(panic: &(dyn Any + Send)) -> Error {
    Error::new(ErrorKind::Store, told_by(panic))
}

/// How a lane is careful.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Care {
    /// How many things more are handled one at a time.
    left: usize,
    /// The suspect that this process has marked, and that has not ended it so far.
    marked: Option<u64>,
}

impl Care {
    /// A lane was taken: does it loop?
    pub(super) fn take(&mut self, is_loop: bool, batch: usize) {
        if is_loop {
            self.left = batch;
        }
    }

    /// The lane has nothing at all to do: what it handled is no danger any more.
    pub(super) const fn is_over(&mut self) {
        self.left = 0;
    }

    /// Whether what is gathered is to be set aside.
    pub(super) const fn is_needed(&self) -> bool {
        self.left > 0
    }

    /// What to do next, if there are suspects.
    fn next<'p>(
        &self,
        crashes: u32,
        parked: impl Iterator<Item = &'p Arc<Parked>>,
    ) -> Option<Suspicion> {
        let suspects: Vec<_> = parked.filter(|parked| parked.held == Held::Suspect).collect();
        let marked = suspects.iter().find(|suspect| suspect.due.is_some());
        let number = marked.or_else(|| suspects.first())?.number;
        Some(match marked {
            _ if Mistake::TriedBeforeMarked.is_made() => Suspicion::Try(number),
            Some(_) if self.marked == Some(number) => Suspicion::Try(number),
            Some(suspect) if suspect.attempts >= crashes => Suspicion::GiveUp(number),
            _ => Suspicion::Mark(number),
        })
    }

    /// It was done.
    fn did(&mut self, suspicion: Suspicion) {
        match suspicion {
            Suspicion::Mark(number) => self.marked = Some(number),
            Suspicion::Try(_) => {
                self.marked = None;
                self.left = self.left.saturating_sub(1);
            }
            Suspicion::Acquit(_) => self.marked = None,
            // Whatever ended the process is found.
            Suspicion::GiveUp(_) => *self = Self::default(),
        }
    }
}

impl Lane {
    /// What to do with a suspect, if there is one.
    pub(super) fn suspicion(&self) -> Option<Suspicion> {
        let (memory, crashes) = (&self.memory, self.wiring.settings.crashes);
        self.care.next(crashes, memory.parked.values())
    }

    /// A turn. What panics here is the engine, for handlers are caught one by one: the lane is taken again,
    /// and if it was trying something alone, that counts as a death.
    pub(super) async fn turn_guarded(&mut self) -> Result<(), Error> {
        let turn = AssertUnwindSafe(self.turn()).catch_unwind().await;
        turn.unwrap_or_else(|panic| {
            self.care.marked = None;
            Err(self.fallen(&*panic))
        })
    }

    /// A panic counts like a death.
    fn fallen(&mut self, panic: &(dyn Any + Send)) -> Error {
        self.excused = self.excused.saturating_sub(1);
        fell(panic)
    }

    pub(super) async fn take_guarded(&mut self) -> Result<(), Error> {
        let taken = AssertUnwindSafe(self.take()).catch_unwind().await;
        taken.unwrap_or_else(|panic| Err(self.fallen(&*panic)))
    }

    /// The lane is let go in order: what it was about to try has ended nothing.
    pub(super) async fn acquit(&mut self) {
        let is_set_aside = |number: &u64| self.memory.parked.contains_key(number);
        let Some(number) = self.care.marked.filter(is_set_aside) else { return };
        if let Err(told) = self.suspect(Suspicion::Acquit(number)).await {
            tracing::warn!(lane = %self.id, %told, "that nothing was tried is not written down");
        }
    }

    /// A batch about one suspect and nothing else.
    pub(super) async fn suspect(&mut self, suspicion: Suspicion) -> Result<(), Error> {
        let advance = self.advance(&Gathered::default());
        let (id, handler, wiring) =
            (self.id.clone(), Arc::clone(&self.handler), Arc::clone(&self.wiring));
        let mut batch = self.begin(&advance).await?;
        let (memory, recall) = (self.memory.clone(), std::mem::take(&mut self.recall));
        let mut draft = Draft::new(&id, &*handler, &wiring, memory, batch.now(), recall);
        match suspicion {
            Suspicion::Mark(number) => draft.mark(number)?,
            Suspicion::Try(number) => draft.try_alone(&mut *batch, number).await?,
            Suspicion::GiveUp(number) => draft.give_up(number)?,
            Suspicion::Acquit(number) => draft.acquit(number)?,
        }
        self.finish(batch, &advance, draft).await?;
        // What ends the process must find on the disk that it was about to be tried.
        self.settle_all().await?;
        self.care.did(suspicion);
        Ok(())
    }
}

impl Draft<'_> {
    /// Everything that was gathered becomes a suspect.
    pub(super) fn suspect_all(&mut self) {
        while let Some(item) = self.queue.pop_front() {
            if !item.is_handed() {
                self.suspect(&item);
            }
        }
    }

    pub(super) fn suspect(&mut self, item: &Item) {
        self.parking().suspect(item);
        self.took_off(item);
    }

    fn suspect_item(&self, number: u64) -> Result<Item, Error> {
        let parked = self.memory.parked.get(&number).map(|parked| &parked.body);
        let work = parked.map(Work::decode).transpose()?;
        Ok(Item::new(work.expect("a suspect is set aside"), Origin::Parked(number)))
    }

    fn mark(&mut self, number: u64) -> Result<(), Error> {
        let item = self.suspect_item(number)?;
        self.parking().mark(&item);
        Ok(())
    }

    fn acquit(&mut self, number: u64) -> Result<(), Error> {
        let item = self.suspect_item(number)?;
        self.parking().acquit(&item);
        Ok(())
    }

    async fn try_alone(&mut self, batch: &mut dyn Batch, number: u64) -> Result<(), Error> {
        let item = self.suspect_item(number)?;
        self.queue.push_back(item);
        self.alone = true;
        self.run(batch).await
    }

    fn give_up(&mut self, number: u64) -> Result<(), Error> {
        let item = self.suspect_item(number)?;
        let attempts = self.memory.parked.get(&number).map_or(0, |parked| parked.attempts);
        let reason = format!("the process died {attempts} times while it was handled");
        self.parking().bury(&item, attempts, reason);
        self.ended(&item.work);
        self.alone = true;
        self.let_go(&item);
        Ok(())
    }
}
