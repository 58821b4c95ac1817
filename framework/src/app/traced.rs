//! What comes in: begins and requests, each with the trace that it belongs to.

use crate::app::ask::{Requested, Run, codec, has_room};
use crate::app::look::Since;
use crate::app::position::Position;
use crate::app::running::Running;
use crate::engine::{RequestRow, Version};
use crate::error::{Error, ErrorKind};
use crate::message::{Command, Key, Record, trace_id};
use crate::mistake::Mistake;
use crate::saga::Saga;
use crate::saga::journal::Journal;
use crate::store::{Entered, Inboxed, Joined, LaneId, Slot, Space};
use crate::text::Text;
use crate::tx::Entry;
use serde_json::value::{RawValue, to_raw_value};
use std::fmt;
use std::marker::PhantomData;

/// An app, for what belongs to a trace.
pub struct Traced<'a> {
    app: &'a Running,
    traceparent: Option<Text>,
}

impl fmt::Debug for Traced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.traceparent {
            Some(traceparent) => write!(f, "an app in trace {traceparent}"),
            None => f.write_str("an app in no trace"),
        }
    }
}

/// The beginning of a run, on its way to the inbox of its lane.
struct Beginning {
    lane: LaneId,
    entry: Inboxed,
    /// Where the run will be.
    slot: Slot,
    given: Box<RawValue>,
}

impl<'a> Traced<'a> {
    pub(super) fn new(app: &'a Running, traceparent: Option<&str>) -> Self {
        let traceparent = traceparent.filter(|given| trace_id(given).is_some());
        Self { app, traceparent: traceparent.map(Text::from) }
    }

    /// See [`Running::begin`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # If the process dies
    ///
    /// As there.
    pub async fn begin<S: Saga>(
        &self,
        id: impl Into<String>,
        input: &S::Input,
    ) -> Result<Run<'a, S>, Error> {
        let id = id.into();
        let begin = self.beginning::<S>(&id, input)?;
        let watching = self.app.watch_ours(&begin.lane, &begin.slot, Version::Last);
        let entered = match self.app.hand(&begin.lane, &begin.entry, &begin.slot).await {
            Some(entered) => entered,
            None => self.app.enter_lane(&begin.lane, &begin.entry, Some(&begin.slot)).await?,
        };
        let since = Since::entered(watching, &entered);
        begin.is_the_same::<S>(&id, entered)?;
        let mut run = self.app.run(id);
        run.since = since;
        Ok(run)
    }

    /// See [`Running::begin_in`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # If the process dies
    ///
    /// As there.
    pub async fn begin_in<S: Saga>(
        &self,
        tx: &mut dyn Joined,
        id: impl Into<String>,
        input: &S::Input,
    ) -> Result<Run<'a, S>, Error> {
        let id = id.into();
        let begin = self.beginning::<S>(&id, input)?;
        self.app.wiring.hub.joined(&begin.lane);
        if tx.incarnation().await? != Some(self.app.wiring.incarnation) {
            let text = "the transaction does not find the app's store: begin it on the database that \
                        the app was started with, and name its schema in `search_path` if it has one";
            return Err(Error::new(ErrorKind::Definition, text));
        }
        let entered = tx.enter(&begin.lane, &begin.entry, Some(&begin.slot)).await?;
        if !matches!(entered, Entered::New) {
            // It may still be on its way to the disk, which whoever reads it waits for.
            self.app.at(&begin.slot).await?;
        }
        begin.is_the_same::<S>(&id, entered)?;
        let mut run = self.app.run(id);
        run.joined = true;
        Ok(run)
    }

    fn beginning<S: Saga>(&self, id: &str, input: &S::Input) -> Result<Beginning, Error> {
        has_room("the id of the run", id)?;
        let given = to_raw_value(input).map_err(codec)?;
        let entry = Entry::Begin {
            run: id.to_owned(),
            input: given.clone(),
            correlation: id.into(),
            causation: None,
            hop: 0,
            traceparent: self.traceparent.clone(),
        };
        let key = Key::new(id);
        Ok(Beginning {
            lane: self.app.wiring.lane_of(S::NAME, &key),
            entry: Inboxed { id: format!("begin/{id}"), key, body: entry.bytes() },
            slot: Slot::new(Space::Runs, S::NAME, id.to_owned()),
            given,
        })
    }

    /// See [`Running::request`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # If the process dies
    ///
    /// As there.
    pub async fn request<C: Command>(
        &self,
        key: &str,
        about: &Key,
        command: &C,
    ) -> Result<Requested<'a, C>, Error> {
        has_room("the key of the request", key)?;
        has_room("the key of what it is about", about.as_str())?;
        let asked = to_raw_value(command).map_err(codec)?;
        let entry = Entry::Request {
            id: key.to_owned(),
            command: C::NAME.to_owned(),
            body: asked.clone(),
            correlation: about.to_string().into(),
            traceparent: self.traceparent.clone(),
        };
        let position = Position::new(C::TO, key);
        let lane = self.app.wiring.lane_of(C::TO, about);
        let entry =
            Inboxed { id: format!("request/{key}"), key: about.clone(), body: entry.bytes() };
        let slot = position.slot();
        let watching = self.app.watch_ours(&lane, &slot, Version::Every);
        let entered = self.app.enter_lane(&lane, &entry, Some(&slot)).await?;
        let since = Since::entered(watching, &entered);
        let stored = match entered {
            Entered::New => None,
            Entered::Waiting(body) => match Entry::read(&body)? {
                Entry::Request { command, body, .. } => Some((command, body)),
                _ => None,
            },
            Entered::Exists(body) => {
                let RequestRow { command, asked, .. } = slot.read(&body)?;
                Some((command, asked))
            }
        };
        match stored {
            Some((command, _)) if command != C::NAME => Err(Error::new(
                ErrorKind::Conflict,
                format!("key `{key}` was used for `{command}`, and this is `{}`", C::NAME),
            )),
            Some((_, stored)) if !is_same::<C>(stored.get(), asked.get()) => Err(Error::new(
                ErrorKind::Conflict,
                format!("key `{key}` was used for another `{}`", C::NAME),
            )),
            _ => Ok(Requested { app: self.app, position, lane, since, command: PhantomData }),
        }
    }
}

impl Beginning {
    /// Whether whatever was begun under this id before was begun with the same input (H33).
    fn is_the_same<S: Saga>(&self, id: &str, entered: Entered) -> Result<(), Error> {
        let stored = match entered {
            Entered::New => None,
            Entered::Waiting(body) => match Entry::read(&body)? {
                Entry::Begin { input, .. } => Some(input),
                _ => None,
            },
            Entered::Exists(body) => {
                let journal = self.slot.read_by(&body, Journal::decode)?;
                Some(journal.input)
            }
        };
        match stored {
            Some(stored) if !is_same::<S::Input>(stored.get(), self.given.get()) => {
                Err(Error::new(
                    ErrorKind::Conflict,
                    format!("run `{id}` of saga `{}` was begun with another input", S::NAME),
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Whether two texts are the same as values of this type: field order and defaults aside (H33).
fn is_same<T: Record>(stored: &str, given: &str) -> bool {
    if Mistake::BeginAnyInput.is_made() {
        return true;
    }
    let same = |text: &str| {
        serde_json::from_str::<T>(text).ok().and_then(|value| serde_json::to_value(&value).ok())
    };
    same(stored).is_some_and(|stored| Some(stored) == same(given))
}
