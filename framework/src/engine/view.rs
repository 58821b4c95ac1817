//! A view as a handler of the lane: a pure fold into rows.

use crate::engine::handler::{Handler, Source, Trouble};
use crate::engine::work::Work;
use crate::error::Fault;
use crate::future::BoxFuture;
use crate::store::{Calling, Lock, Slot, Space, Value};
use crate::tx::Tx;
use crate::view::{Source as Folded, View};
use bytes::Bytes;
use std::marker::PhantomData;

/// A view and what it is folded from. Its group is a group of its own.
pub(crate) struct Viewing<W> {
    sources: Vec<Folded>,
    group: String,
    view: PhantomData<fn() -> W>,
}

impl<W: View> Viewing<W> {
    pub(crate) fn new() -> Self {
        let sources = W::sources().into_sources();
        Self { sources, group: W::table(), view: PhantomData }
    }

    async fn fold(&self, tx: &mut Tx, name: &str, body: &Bytes) -> Result<(), Trouble> {
        for source in self.sources.iter().filter(|source| source.name == name) {
            let slot = Slot::new(Space::Rows, W::table(), (source.key)(body)?);
            let row = tx.value(slot.clone(), Lock::Change).await;
            let row = (source.fold)(row.as_deref(), body)?;
            tx.write(slot, row.map(Value::plain));
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
                from_the_beginning: true,
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
                    self.fold(tx, &message.envelope.name, &message.body).await
                }
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
}
