//! What clients ask of a running app: begin, cancel, signal, request, operate.
//!
//! Everything enters the inbox of a lane, in a transaction of its own, and is answered from what the
//! lane's owner wrote down.

use crate::app::running::Running;
use crate::engine::RequestRow;
use crate::error::{Error, ErrorKind, Refusal};
use crate::id::fresh;
use crate::message::{Command, Key, Record, Reply};
use crate::saga::Saga;
use crate::saga::journal::{Journal, Signal, Verb};
use crate::store::{Entered, Inboxed, LaneId, Slot, Space};
use crate::tx::Entry;
use bytes::Bytes;
use serde_json::value::{RawValue, to_raw_value};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;
use uuid::Uuid;

/// A run of saga `S`, as its client sees it.
pub struct Run<'a, S> {
    pub(super) app: &'a Running,
    pub(super) id: String,
    saga: PhantomData<fn() -> S>,
}

impl<S: Saga> fmt::Debug for Run<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run `{}` of saga `{}`", self.id, S::NAME)
    }
}

/// A request that was accepted, and is answered sooner or later.
pub struct Requested<'a, C> {
    app: &'a Running,
    slot: Slot,
    command: PhantomData<fn() -> C>,
}

impl<C> fmt::Debug for Requested<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a request at {:?}", self.slot)
    }
}

fn codec(cause: serde_json::Error) -> Error {
    Error::new(ErrorKind::Codec, "it cannot be written as JSON").because(cause)
}

/// Whether two texts are the same as values of this type: field order and defaults aside (H33).
fn is_same<T: Record>(stored: &str, given: &str) -> bool {
    let same = |text: &str| {
        serde_json::from_str::<T>(text).ok().and_then(|value| serde_json::to_value(&value).ok())
    };
    same(stored).is_some_and(|stored| Some(stored) == same(given))
}

impl Running {
    /// A run, whether it exists or not.
    pub fn run<S: Saga>(&self, id: impl Into<String>) -> Run<'_, S> {
        Run { app: self, id: id.into(), saga: PhantomData }
    }

    /// Begins a run of saga `S`. Beginning it twice begins it once, so a client that is unsure may
    /// simply ask again.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if `id` was begun with another input, [`ErrorKind::Store`] if the store
    /// cannot be written.
    ///
    /// # If the process dies
    ///
    /// Before this returns, the run may or may not have been begun: begin it again with the same id.
    /// After it returned, the run exists, and any process that serves `S` will finish it.
    pub async fn begin<S: Saga>(
        &self,
        id: impl Into<String>,
        input: &S::Input,
    ) -> Result<Run<'_, S>, Error> {
        let id = id.into();
        let given = to_raw_value(input).map_err(codec)?;
        let entry = Entry::Begin {
            run: id.clone(),
            input: given.clone(),
            correlation: id.clone(),
            causation: None,
            hop: 0,
            traceparent: None,
        };
        let slot = Slot::new(Space::Runs, S::NAME, id.clone());
        let entered = self
            .enter(S::NAME, &Key::new(&*id), format!("begin/{id}"), &entry, Some(&slot))
            .await?;
        let stored = match entered {
            Entered::New => None,
            Entered::Waiting(body) => match Entry::read(&body)? {
                Entry::Begin { input, .. } => Some(input),
                _ => None,
            },
            Entered::Exists(body) => {
                let journal: Journal = serde_json::from_slice(&body).map_err(codec)?;
                Some(journal.input)
            }
        };
        match stored {
            Some(stored) if !is_same::<S::Input>(stored.get(), given.get()) => Err(Error::new(
                ErrorKind::Conflict,
                format!("run `{id}` of saga `{}` was begun with another input", S::NAME),
            )),
            _ => Ok(self.run(id)),
        }
    }

    /// Asks a service something, once under this key: asking twice asks once. `about` is what the
    /// command is about, and decides the lane.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if the key was used for something else.
    ///
    /// # If the process dies
    ///
    /// Before this returns the request may or may not have been accepted: ask again with the same key.
    /// After it returned it is answered, by whatever process serves the addressee.
    pub async fn request<C: Command>(
        &self,
        key: &str,
        about: &Key,
        command: &C,
    ) -> Result<Requested<'_, C>, Error> {
        let asked = to_raw_value(command).map_err(codec)?;
        let entry = Entry::Request {
            id: key.to_owned(),
            command: C::NAME.to_owned(),
            body: asked.clone(),
            correlation: about.to_string(),
            traceparent: None,
        };
        let slot = RequestRow::slot(C::TO, key);
        let entered =
            self.enter(C::TO, about, format!("request/{key}"), &entry, Some(&slot)).await?;
        let stored = match entered {
            Entered::New => None,
            Entered::Waiting(body) => match Entry::read(&body)? {
                Entry::Request { body, .. } => Some(body),
                _ => None,
            },
            Entered::Exists(body) => {
                Some(serde_json::from_slice::<RequestRow>(&body).map_err(codec)?.asked)
            }
        };
        match stored {
            Some(stored) if !is_same::<C>(stored.get(), asked.get()) => Err(Error::new(
                ErrorKind::Conflict,
                format!("key `{key}` was used for another `{}`", C::NAME),
            )),
            _ => Ok(Requested { app: self, slot, command: PhantomData }),
        }
    }

    async fn enter(
        &self,
        group: &str,
        key: &Key,
        id: String,
        entry: &Entry,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error> {
        let lane = self.wiring.lane_of(group, key);
        let entry = Inboxed { id, key: key.clone(), body: entry.bytes() };
        self.enter_lane(&lane, &entry, unless).await
    }

    async fn enter_lane(
        &self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error> {
        let entered = self.wiring.store.enter(lane, entry, unless).await?;
        self.wiring.hub.entered(lane);
        Ok(entered)
    }

    /// Takes a dead letter up again: it is handled as if it came now, from our table.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is no such letter.
    ///
    /// # If the process dies
    ///
    /// The letter is either still dead or was handled, never neither.
    pub async fn replay(&self, dead: Uuid) -> Result<(), Error> {
        let letters = self.wiring.store.dead_letters(None, u32::MAX).await?;
        let letter = letters.into_iter().find(|letter| letter.id == dead).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("there is no dead letter {dead}"))
        })?;
        let (id, body) = (format!("replay/{dead}"), Entry::Replay { dead }.bytes());
        let entry = Inboxed { id, key: letter.key, body };
        self.enter_lane(&letter.lane, &entry, None).await.map(drop)
    }

    /// What an operator does to a run; `by` and `reason` are written down with it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if it cannot be written down.
    pub async fn operate(
        &self,
        saga: &str,
        run: &str,
        verb: Verb,
        step: &str,
        by: &str,
        reason: &str,
    ) -> Result<(), Error> {
        let (run, step) = (run.to_owned(), step.to_owned());
        let (by, reason) = (by.to_owned(), reason.to_owned());
        let key = Key::new(&*run);
        let id = format!("{}/{run}/{}", verb.name(), fresh());
        let entry = Entry::Operate { run, verb, step, by, reason };
        self.enter(saga, &key, id, &entry, None).await.map(drop)
    }
}

impl<S: Saga> Run<'_, S> {
    /// The run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Asks for the run to be taken back. Before the pivot was sent it is; while the pivot decides, that
    /// waits for its answer; after it, it is too late.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if it cannot be written down.
    pub async fn cancel(&self, by: &str, reason: &str) -> Result<(), Error> {
        let (by, reason) = (by.to_owned(), reason.to_owned());
        let entry = Entry::Cancel { run: self.id.clone(), by, reason };
        self.say("cancel", &entry).await
    }

    /// Says yes to a step that waits for a signal. One that comes early is kept.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Codec`] if it cannot be written as JSON, [`ErrorKind::Store`] if it cannot be
    /// written down.
    pub async fn signal<T: Record>(&self, step: &str, said: &T) -> Result<(), Error> {
        self.hear(step, Signal::Yes(to_raw_value(said).map_err(codec)?)).await
    }

    /// Says no to a step that waits for a signal.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if it cannot be written down.
    pub async fn refuse(&self, step: &str, refusal: Refusal) -> Result<(), Error> {
        self.hear(step, Signal::No(refusal)).await
    }

    async fn hear(&self, step: &str, signal: Signal) -> Result<(), Error> {
        let entry = Entry::Signal { run: self.id.clone(), step: step.to_owned(), signal };
        self.say("signal", &entry).await
    }

    async fn say(&self, what: &str, entry: &Entry) -> Result<(), Error> {
        let id = format!("{what}/{}/{}", self.id, fresh());
        self.app.enter(S::NAME, &Key::new(&*self.id), id, entry, None).await.map(drop)
    }
}

impl<C: Command> Requested<'_, C> {
    /// Waits for the answer, so long; `None` if it has not come by then.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if the store cannot be read, [`ErrorKind::Codec`] if the answer is not of
    /// its type.
    pub async fn reply(
        &self,
        within: Duration,
    ) -> Result<Option<Result<C::Reply, Refusal>>, Error> {
        let answered = |body: Option<&Bytes>| body.cloned();
        let Some(body) = self.app.wait_for(&self.slot, within, answered).await? else {
            return Ok(None);
        };
        let row: RequestRow = serde_json::from_slice(&body).map_err(codec)?;
        Ok(Some(match row.reply {
            Reply::Done(made) => Ok(read::<C::Reply>(&made)?),
            Reply::Refused(no) => Err(no),
            Reply::Compensated { .. } => Err(Refusal::new("compensated", "")),
        }))
    }
}

fn read<T: Record>(json: &RawValue) -> Result<T, Error> {
    serde_json::from_str(json.get()).map_err(codec)
}
