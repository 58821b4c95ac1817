//! What begins, cancels and signals runs from elsewhere: events of other services.

use crate::error::Fault;
use crate::message::{Event, Topic};
use crate::saga::Saga;
use crate::saga::journal::Signal;
use serde_json::value::{RawValue, to_raw_value};

/// What an event means to a saga.
pub(crate) enum Meaning {
    Begin { run: String, input: Box<RawValue> },
    Cancel { run: String, reason: String },
    Signal { run: String, step: String, signal: Signal },
}

type Read = Box<dyn Fn(&[u8]) -> Result<Option<Meaning>, Fault> + Send + Sync>;

struct Start {
    name: &'static str,
    topic: Topic,
    read: Read,
}

/// The events that a saga hears, and what each means.
#[derive(Default)]
pub(crate) struct Starts(Vec<Start>);

impl Starts {
    pub(crate) fn begun_by<S: Saga, E: Event>(
        &mut self,
        f: impl Fn(&E) -> Option<(String, S::Input)> + Send + Sync + 'static,
    ) {
        self.add::<E>(move |event| {
            let Some((run, input)) = f(event) else { return Ok(None) };
            Ok(Some(Meaning::Begin { run, input: to_raw_value(&input)? }))
        });
    }

    pub(crate) fn cancelled_by<E: Event>(
        &mut self,
        f: impl Fn(&E) -> Option<(String, String)> + Send + Sync + 'static,
    ) {
        self.add::<E>(move |event| {
            Ok(f(event).map(|(run, reason)| Meaning::Cancel { run, reason }))
        });
    }

    pub(crate) fn signalled_by<E: Event>(
        &mut self,
        f: impl Fn(&E) -> Result<Option<(String, String, Signal)>, Fault> + Send + Sync + 'static,
    ) {
        self.add::<E>(move |event| {
            let signal = f(event)?;
            Ok(signal.map(|(run, step, signal)| Meaning::Signal { run, step, signal }))
        });
    }

    fn add<E: Event>(
        &mut self,
        read: impl Fn(&E) -> Result<Option<Meaning>, Fault> + Send + Sync + 'static,
    ) {
        let read: Read = Box::new(move |body| read(&serde_json::from_slice(body)?));
        self.0.push(Start { name: E::NAME, topic: E::TOPIC, read });
    }

    pub(crate) fn topics(&self) -> Vec<Topic> {
        let mut topics: Vec<Topic> = self.0.iter().map(|start| start.topic).collect();
        topics.sort_by_key(|topic| topic.name);
        topics.dedup_by_key(|topic| topic.name);
        topics
    }

    /// What an event of this name means.
    pub(crate) fn meanings(&self, name: &str, body: &[u8]) -> Result<Vec<Meaning>, Fault> {
        let heard = self.0.iter().filter(|start| start.name == name);
        let read: Result<Vec<_>, _> = heard.map(|start| (start.read)(body)).collect();
        Ok(read?.into_iter().flatten().collect())
    }
}
