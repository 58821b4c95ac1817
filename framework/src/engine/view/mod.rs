//! A view as a handler of the lane: a pure fold into rows of one generation.

mod replay;
mod serve;

pub(crate) use replay::Replay;
pub(crate) use serve::serve;

use crate::engine::handler::{Handler, Renewal, Source, Trouble, unreadable};
use crate::engine::work::Work;
use crate::error::Fault;
use crate::future::BoxFuture;
use crate::message::Envelope;
use crate::mistake::Mistake;
use crate::store::{Calling, Lock, Value};
use crate::tx::{Entry, Tx};
use crate::view::generation::{Generations, name, row};
use crate::view::{Source as Folding, View};
use bytes::Bytes;
use std::marker::PhantomData;
use std::sync::Arc;

/// A generation of a view, and what it is folded from. Its group is a group of its own.
pub(crate) struct Viewing<W> {
    sources: Vec<Folding>,
    generation: u32,
    group: String,
    view: PhantomData<fn() -> W>,
}

impl<W: View> Viewing<W> {
    pub(crate) fn new() -> Self {
        Self::of(1)
    }

    fn of(generation: u32) -> Self {
        let sources = W::sources().into_sources();
        Self { sources, generation, group: name::<W>(generation), view: PhantomData }
    }

    async fn fold(&self, tx: &mut Tx, said: &Envelope, body: &Bytes) -> Result<(), Trouble> {
        for source in self.sources.iter().filter(|source| source.name == said.name) {
            let key = (source.key)(body).map_err(|told| unreadable(said, &told))?;
            let slot = row::<W>(self.generation, key);
            let row = tx.value(slot.clone(), Lock::Change).await;
            let row = row.filter(|_| !Mistake::ViewForgets.is_made());
            let row = (source.fold)(row.as_deref(), body)
                .map_err(|told| Fault::new(format!("{slot} cannot be folded: {told}")))?;
            tx.write(slot, row.map(Value::plain));
        }
        Ok(())
    }

    /// Writes down that another generation is folded, or that it is read. What comes too late for that
    /// changes nothing.
    async fn turn(&self, tx: &mut Tx, entry: &Bytes) -> Result<(), Trouble> {
        let entry = Entry::read(entry).map_err(|told| Trouble::Dead(told.to_string()))?;
        let slot = Generations::slot::<W>();
        let now = Generations::at(&slot, tx.value(slot.clone(), Lock::Change).await.as_deref())?;
        let next = match entry {
            Entry::Rebuild { read } => now.rebuild(read),
            Entry::ReadNext { folded } => now.read_next(folded),
            _ => return Err(Trouble::Dead("a view takes events, and verbs for views".to_owned())),
        };
        if let Some(next) = next {
            let next = serde_json::to_vec(&next).map_err(Fault::from)?;
            tx.write(slot, Some(Value::plain(next)));
        }
        Ok(())
    }
}

impl<W: View> Handler for Viewing<W> {
    fn group(&self) -> &str {
        &self.group
    }

    fn sources(&self) -> Vec<Source> {
        let mut sources: Vec<Source> = self
            .sources
            .iter()
            .map(|source| Source {
                topic: source.topic.name.to_owned(),
                partitions: source.topic.partitions,
                compacted: source.topic.compacted,
                from_the_beginning: !Mistake::ViewResumesAtTheEnd.is_made(),
            })
            .collect();
        sources.sort_by(|a, b| a.topic.cmp(&b.topic));
        sources.dedup_by(|a, b| a.topic == b.topic);
        sources
    }

    fn handle<'a>(&'a self, tx: &'a mut Tx, work: &'a Work) -> BoxFuture<'a, Result<(), Trouble>> {
        Box::pin(async move {
            match work {
                Work::Message { message, .. } => {
                    self.fold(tx, &message.envelope, &message.body).await
                }
                Work::Inbox { body, .. } => self.turn(tx, body).await,
                Work::Poison { reason, .. } => Err(Trouble::Dead(reason.clone())),
                _ => Err(Trouble::Dead("a view only folds events".to_owned())),
            }
        })
    }

    fn call<'a>(&'a self, _: &'a Calling, _: u32) -> BoxFuture<'a, Result<Bytes, Fault>> {
        Box::pin(async { Err(Fault::new("a view calls nobody")) })
    }

    fn pair(&self, _: &Work) -> Option<(String, bool)> {
        None
    }

    fn renewal(&self) -> Option<Renewal> {
        let slot = Generations::slot::<W>();
        Some(Renewal { slot, make: |generation| Arc::new(Self::of(generation)) })
    }
}
