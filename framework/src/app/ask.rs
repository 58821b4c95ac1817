//! What clients ask of a running app: begin, cancel, signal, request, operate.
//!
//! Everything enters the inbox of a lane, in a transaction of its own, and is answered from what the
//! lane's owner wrote down. Only the beginning of a run is handed to its lane without that, if the lane is in this
//! process.

use crate::app::look::{Since, Wanted};
use crate::app::position::Position;
use crate::app::running::Running;
use crate::app::traced::Traced;
use crate::engine::{Version, Work};
use crate::error::{Error, ErrorKind, Fault, Refusal};
use crate::id::fresh;
use crate::message::{Command, Key, Record, Reply, fits};
use crate::saga::Saga;
use crate::saga::journal::{Signal, Verb};
use crate::store::{DeadLetter, Entered, Inboxed, Joined, LaneId, Slot};
use crate::tx::Entry;
use serde_json::value::{RawValue, to_raw_value};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;
use uuid::Uuid;

/// A run of saga `S`, as its client sees it.
pub struct Run<'a, S> {
    pub(super) app: &'a Running,
    pub(super) id: String,
    /// It was begun in a transaction of the caller's, of whose commit its lane is not told.
    pub(super) joined: bool,
    pub(super) since: Since,
    saga: PhantomData<fn() -> S>,
}

impl<S: Saga> fmt::Debug for Run<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run `{}` of saga `{}`", self.id, S::NAME)
    }
}

/// A request that was accepted, and is answered sooner or later.
pub struct Requested<'a, C> {
    pub(super) app: &'a Running,
    pub(super) position: Position,
    /// Whoever answers it.
    pub(super) lane: LaneId,
    pub(super) since: Since,
    pub(super) command: PhantomData<fn() -> C>,
}

impl<C> fmt::Debug for Requested<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a request at {}", self.position)
    }
}

pub(super) fn codec(cause: serde_json::Error) -> Error {
    Error::new(ErrorKind::Codec, "it cannot be written as JSON").because(cause)
}

/// What is too long for the indexes of a store is refused before it is written.
pub(super) fn has_room(what: &str, text: &str) -> Result<(), Error> {
    fits(what, text.len()).map_err(|told| Error::new(ErrorKind::TooLong, told))
}

fn unread(command: &str, told: &serde_json::Error) -> Error {
    Error::new(ErrorKind::Codec, format!("the answer to `{command}` is not of its type: {told}"))
}

impl Running {
    /// A run, whether it exists or not.
    pub fn run<S: Saga>(&self, id: impl Into<String>) -> Run<'_, S> {
        let since = Since::default();
        Run { app: self, id: id.into(), joined: false, since, saga: PhantomData }
    }

    /// The same app, for what belongs to a trace: whatever is begun or asked through it, and all that
    /// follows from it, carries this `traceparent` (W3C Trace Context). One that is not well formed is
    /// left out.
    ///
    /// ```text
    /// app.traced(headers.get("traceparent")).request(key, &about, &command).await?
    /// ```
    pub fn traced<'t>(&self, traceparent: impl Into<Option<&'t str>>) -> Traced<'_> {
        Traced::new(self, traceparent.into())
    }

    /// Begins a run of saga `S`. Beginning it twice begins it once, so a client that is unsure may
    /// simply ask again. If its lane is in this process the batch that begins the run is awaited, and else its entry in
    /// the inbox of the lane is, for which no lane need be there (decision 0014).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if `id` was begun with another input, [`ErrorKind::TooLong`] if it has more than
    /// [`Key::LONGEST`] bytes, [`ErrorKind::Store`] if the store cannot be written.
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
        self.traced(None).begin(id, input).await
    }

    /// Begins a run of saga `S` in a transaction of the caller's own, on the same database: the run is
    /// begun if and only if that transaction commits. So what the caller has written in tables of its own
    /// and the run are both there, or neither.
    ///
    /// After the commit the lane of the run finds it within [`Settings::poll`](crate::Settings), a second
    /// by default; [`Run::wake`] after the commit, or waiting for its outcome, makes that at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Definition`] if the transaction is of another database than the app's,
    /// [`ErrorKind::Conflict`] if `id` was begun with another input, [`ErrorKind::TooLong`] if it has more than
    /// [`Key::LONGEST`] bytes, [`ErrorKind::Store`] if the transaction cannot write. Nothing was begun then;
    /// the transaction goes on as the caller likes.
    ///
    /// # If the process dies
    ///
    /// Before the transaction is committed nothing was begun. After it the run exists, and any process
    /// that serves `S` will finish it.
    pub async fn begin_in<S: Saga>(
        &self,
        tx: &mut dyn Joined,
        id: impl Into<String>,
        input: &S::Input,
    ) -> Result<Run<'_, S>, Error> {
        self.traced(None).begin_in(tx, id, input).await
    }

    /// Asks a service something, once under this key: asking twice asks once. `about` is what the
    /// command is about, and decides the lane.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] if the key was used for something else, [`ErrorKind::TooLong`] if it or `about` has
    /// more than [`Key::LONGEST`] bytes.
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
        self.traced(None).request(key, about, command).await
    }

    async fn enter(&self, group: &str, key: &Key, id: String, entry: &Entry) -> Result<(), Error> {
        has_room("the id of the run", key.as_str())?;
        let lane = self.wiring.lane_of(group, key);
        let entry = Inboxed { id, key: key.clone(), body: entry.bytes() };
        self.enter_lane(&lane, &entry, None).await.map(drop)
    }

    /// Hands an entry to its lane, if that is in this process. `None` if nobody says what has come of it.
    pub(super) async fn hand(
        &self,
        lane: &LaneId,
        entry: &Inboxed,
        slot: &Slot,
    ) -> Option<Entered> {
        self.wiring.hub.hand(lane, entry, slot)?.told().await
    }

    pub(super) async fn enter_lane(
        &self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error> {
        let (entered, mut commit) = self.wiring.store.enter_early(lane, entry, unless).await?;
        self.wiring.hub.entered(lane);
        commit.done().await?;
        Ok(entered)
    }

    /// A dead letter, if there is one of this id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if the store cannot be read.
    ///
    /// # If the process dies
    ///
    /// Nothing was changed; whoever asks again is told how it is then.
    pub async fn dead_letter(&self, dead: Uuid) -> Result<Option<DeadLetter>, Error> {
        self.wiring.store.dead_letter(dead).await
    }

    /// Takes a dead letter up again: it is handled as if it came now, from our table.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is no such letter, [`ErrorKind::Codec`] if it is damaged.
    ///
    /// # If the process dies
    ///
    /// The letter is either still dead or was handled, never neither.
    pub async fn replay(&self, dead: Uuid) -> Result<(), Error> {
        let letter = self.dead_letter(dead).await?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("there is no dead letter {dead}"))
        })?;
        Work::decode(&letter.body).map_err(|told| {
            let text = format!("dead letter {dead} is damaged: restore its row");
            Error::new(ErrorKind::Codec, text).because(told)
        })?;
        let (id, body) = (format!("replay/{dead}"), Entry::Replay { dead }.bytes());
        let entry = Inboxed { id, key: letter.key, body };
        self.enter_lane(&letter.lane, &entry, None).await.map(drop)
    }

    /// What an operator does to a run; `by` and `reason` are written down with it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Codec`] if a step is forced to have made what it does not make, as far as this process
    /// knows the saga; [`ErrorKind::TooLong`] if the id of the run is longer than ids are;
    /// [`ErrorKind::Store`] if it cannot be written down.
    ///
    /// # If the process dies
    ///
    /// Before this returns it may or may not have been written down: look at the timeline before
    /// you ask again. After it returned, whatever process serves the saga does it.
    pub async fn operate(
        &self,
        saga: &str,
        run: &str,
        verb: Verb,
        step: &str,
        by: &str,
        reason: &str,
    ) -> Result<(), Error> {
        if let Verb::Force(made) = &verb {
            self.can_be_made(saga, step, made)?;
        }
        let (run, step) = (run.to_owned(), step.to_owned());
        let (by, reason) = (by.to_owned(), reason.to_owned());
        let key = Key::new(&*run);
        let id = format!("{}/{run}/{}", verb.name(), fresh());
        let entry = Entry::Operate { run, verb, step, by, reason };
        self.enter(saga, &key, id, &entry).await
    }

    /// Refuses what a step cannot have made, as far as this process knows the saga.
    fn can_be_made(&self, saga: &str, step: &str, made: &RawValue) -> Result<(), Error> {
        let Some(plan) = self.shapes.get(saga) else { return Ok(()) };
        let Some(step) = plan.shape().position(step) else { return Ok(()) };
        let told = |fault: Fault| Error::new(ErrorKind::Codec, fault.to_string());
        plan.reads(step, made).map_err(told)
    }
}

impl<S: Saga> Run<'_, S> {
    /// The run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Tells the lane of the run, if this process has it, that there is something in its inbox: what a
    /// transaction of the caller's own [has begun](Running::begin_in) is then taken at once. It is a hint,
    /// to be given after the commit; without it the lane looks by itself, within
    /// [`Settings::poll`](crate::Settings).
    pub fn wake(&self) {
        let lane = self.app.wiring.lane_of(S::NAME, &Key::new(&*self.id));
        self.app.wiring.hub.entered(&lane);
    }

    /// Asks for the run to be taken back. Before the pivot was sent it is; while the pivot decides, that
    /// waits for its answer; after it, it is too late.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLong`] if the id of the run is longer than ids are; [`ErrorKind::Store`] if it cannot be
    /// written down.
    ///
    /// # If the process dies
    ///
    /// Before this returns the wish may or may not have been written down: ask again, a run is
    /// cancelled once. After it returned, whatever process serves the saga decides.
    pub async fn cancel(&self, by: &str, reason: &str) -> Result<(), Error> {
        let (by, reason) = (by.to_owned(), reason.to_owned());
        let entry = Entry::Cancel { run: self.id.clone(), by, reason };
        self.say("cancel", &entry).await
    }

    /// Says yes to a step that waits for a signal. One that comes early is kept.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Codec`] if it cannot be written as JSON, or is not what the step hears, as far as this
    /// process knows the saga; [`ErrorKind::Store`] if it cannot be written down.
    ///
    /// # If the process dies
    ///
    /// Before this returns it may or may not have been written down: say it again, a step hears one
    /// signal.
    pub async fn signal<T: Record>(&self, step: &str, said: &T) -> Result<(), Error> {
        let said = to_raw_value(said).map_err(codec)?;
        self.app.can_be_made(S::NAME, step, &said)?;
        self.hear(step, Signal::Yes(said)).await
    }

    /// Says no to a step that waits for a signal.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLong`] if the id of the run is longer than ids are; [`ErrorKind::Store`] if it cannot be
    /// written down.
    ///
    /// # If the process dies
    ///
    /// As for [`signal`](Self::signal).
    pub async fn refuse(&self, step: &str, refusal: Refusal) -> Result<(), Error> {
        self.hear(step, Signal::No(refusal)).await
    }

    async fn hear(&self, step: &str, signal: Signal) -> Result<(), Error> {
        let entry = Entry::Signal { run: self.id.clone(), step: step.to_owned(), signal };
        self.say("signal", &entry).await
    }

    async fn say(&self, what: &str, entry: &Entry) -> Result<(), Error> {
        let id = format!("{what}/{}/{}", self.id, fresh());
        self.app.enter(S::NAME, &Key::new(&*self.id), id, entry).await
    }
}

impl<C: Command> Requested<'_, C> {
    /// Where the request stands, to be handed to the client: whoever has it may read what is at least as
    /// new as what the request has changed, see [`Running::reached`].
    #[must_use]
    pub fn position(&self) -> Position {
        self.position.clone()
    }

    /// Waits for the answer, so long; `None` if it has not come by then.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Store`] if the store cannot be read, [`ErrorKind::Codec`] if the answer is not of
    /// its type.
    ///
    /// # If the process dies
    ///
    /// The request goes on without whoever asked. Whoever has its key or its position asks again.
    pub async fn reply(
        &self,
        within: Duration,
    ) -> Result<Option<Result<C::Reply, Refusal>>, Error> {
        let slot = self.position.slot();
        let (lane, since) = (Some(self.lane.clone()), self.since.take());
        let wanted = Wanted { lane, since, ..Wanted::at(&slot, Version::Every) };
        let Some(reply) = self.app.answer_at(wanted, within).await? else { return Ok(None) };
        Ok(Some(match reply {
            Reply::Done(made) => {
                Ok(serde_json::from_str(made.get()).map_err(|told| unread(C::NAME, &told))?)
            }
            Reply::Refused(no) => Err(no),
            Reply::Compensated { .. } => Err(Refusal::new("compensated", "")),
        }))
    }
}
