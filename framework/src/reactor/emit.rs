//! What a reaction says, known from its return type without running it.

use crate::error::{Fault, Refusal};
use crate::message::{Event, Key, Record, Topic};
use serde_json::value::{RawValue, to_raw_value};

/// An event that is about to be published.
#[derive(Debug, Clone)]
pub struct Emitted {
    /// Its name.
    pub name: &'static str,
    /// The version of its schema.
    pub version: u32,
    /// Where it goes.
    pub topic: Topic,
    /// What it is about.
    pub key: Key,
    /// The event, as JSON.
    pub body: Box<RawValue>,
}

/// Everything that a handler said.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// The facts, in order.
    pub events: Vec<Emitted>,
    /// What there is to be taken back.
    pub made: Option<Box<RawValue>>,
    /// The reply to a command.
    pub reply: Option<Box<RawValue>>,
    /// Whether it was a no, of which nothing is to be taken back.
    pub no: bool,
    /// Why it was a no, when a command is answered.
    pub refusal: Option<Refusal>,
}

/// The names of the events that a type may emit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// When all is well.
    pub yes: Vec<&'static str>,
    /// When it says no.
    pub no: Vec<&'static str>,
    /// Whether it may also emit nothing of all this, or choose.
    pub perhaps: bool,
    /// The topics that all of them go to.
    pub topics: Vec<Topic>,
}

impl Names {
    fn and(mut self, other: Self) -> Self {
        self.yes.extend(other.yes);
        self.no.extend(other.no);
        self.topics.extend(other.topics);
        self.perhaps |= other.perhaps;
        self
    }

    /// All names, of both halves.
    pub fn all(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.yes.iter().chain(&self.no).copied()
    }
}

/// What a reaction may say: nothing, an event, perhaps one, several, both, or one of two.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be emitted",
    label = "a reaction returns what it says: `()`, an event, `Option<..>`, `Vec<..>`, `(A, B)` or `Verdict<Yes, No>`",
    note = "commands are not facts and cannot be published"
)]
pub trait Emit: Send + 'static {
    /// What there is to be taken back when this was said: of several things, the first.
    type Made: Record;
    /// The names of all that may be said.
    fn names() -> Names;
    /// Says it.
    ///
    /// # Errors
    ///
    /// A fault if an event cannot be written as JSON.
    fn say(self, said: &mut Said) -> Result<(), Fault>;
}

impl Emit for () {
    type Made = ();
    fn names() -> Names {
        Names::default()
    }
    fn say(self, said: &mut Said) -> Result<(), Fault> {
        said.made = said.made.take().or_else(|| Some(RawValue::NULL.to_owned()));
        Ok(())
    }
}

impl<E: Event> Emit for E {
    type Made = E;
    fn names() -> Names {
        Names { yes: vec![E::NAME], topics: vec![E::TOPIC], ..Names::default() }
    }
    fn say(self, said: &mut Said) -> Result<(), Fault> {
        let body = to_raw_value(&self)?;
        said.made = said.made.take().or_else(|| Some(body.clone()));
        let (name, version, topic, key) = (E::NAME, E::VERSION, E::TOPIC, self.key());
        said.events.push(Emitted { name, version, topic, key, body });
        Ok(())
    }
}

/// Says something beside what was said: its events count, what it made does not.
fn beside<E: Emit>(emit: E, said: &mut Said) -> Result<(), Fault> {
    let mut other = Said::default();
    emit.say(&mut other)?;
    said.events.extend(other.events);
    Ok(())
}

/// Perhaps.
impl<E: Emit> Emit for Option<E> {
    type Made = E::Made;
    fn names() -> Names {
        Names { perhaps: true, ..E::names() }
    }
    fn say(self, said: &mut Said) -> Result<(), Fault> {
        self.map_or(Ok(()), |emit| emit.say(said))
    }
}

/// Several, in order.
impl<E: Emit> Emit for Vec<E> {
    type Made = Vec<E::Made>;
    fn names() -> Names {
        Names { perhaps: true, ..E::names() }
    }
    fn say(self, said: &mut Said) -> Result<(), Fault> {
        let mut all = Vec::new();
        for emit in self {
            let mut one = Said::default();
            emit.say(&mut one)?;
            said.events.append(&mut one.events);
            all.extend(one.made);
        }
        said.made = Some(to_raw_value(&all)?);
        Ok(())
    }
}

macro_rules! tuple {
    ($first:ident $($rest:ident)+) => {
        /// All of them; what is to be taken back is the first.
        impl<$first: Emit, $($rest: Emit),+> Emit for ($first, $($rest),+) {
            type Made = $first::Made;
            fn names() -> Names {
                $first::names()$(.and($rest::names()))+
            }
            #[allow(non_snake_case)]
            fn say(self, said: &mut Said) -> Result<(), Fault> {
                let ($first, $($rest),+) = self;
                $first.say(said)?;
                $(beside($rest, said)?;)+
                Ok(())
            }
        }
    };
}
tuple!(A B);
tuple!(A B C);
tuple!(A B C D);

/// One of two; only a `Yes` leaves something to take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<Y, N> {
    /// All is well.
    Yes(Y),
    /// The business says no. What the handler wrote is kept.
    No(N),
}

impl<Y, N> From<Result<Y, N>> for Verdict<Y, N> {
    fn from(result: Result<Y, N>) -> Self {
        result.map_or_else(Self::No, Self::Yes)
    }
}

impl<Y: Emit, N: Emit> Emit for Verdict<Y, N> {
    type Made = Y::Made;
    fn names() -> Names {
        let (yes, no) = (Y::names(), N::names());
        let topics = [yes.topics, no.topics].concat();
        Names { yes: yes.yes, no: [yes.no, no.yes, no.no].concat(), perhaps: true, topics }
    }
    fn say(self, said: &mut Said) -> Result<(), Fault> {
        match self {
            Self::Yes(yes) => yes.say(said),
            Self::No(no) => {
                said.no = true;
                beside(no, said)
            }
        }
    }
}

/// A reply and, beside it, facts for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct And<A, B>(pub A, pub B);

/// No, and facts beside it. What the handler wrote is kept; `Err(refuse(..))` would discard it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused<E = ()>(pub Refusal, pub E);

/// What an answer says: the reply, and perhaps facts beside it.
#[diagnostic::on_unimplemented(
    message = "this does not answer the command",
    label = "an answer returns `{R}`, or `And<{R}, ..events..>`"
)]
pub trait Says<R>: Send + 'static {
    /// The names of the facts beside the reply.
    fn names() -> Names;
    /// Says it.
    ///
    /// # Errors
    ///
    /// A fault if the reply or a fact cannot be written as JSON.
    fn say(self, said: &mut Said) -> Result<(), Fault>;
}

impl<R: Record> Says<R> for R {
    fn names() -> Names {
        Names::default()
    }
    fn say(self, said: &mut Said) -> Result<(), Fault> {
        said.reply = Some(to_raw_value(&self)?);
        said.made.clone_from(&said.reply);
        Ok(())
    }
}

impl<R: Record, E: Emit> Says<R> for And<R, E> {
    fn names() -> Names {
        E::names()
    }
    fn say(self, said: &mut Said) -> Result<(), Fault> {
        Says::<R>::say(self.0, said)?;
        beside(self.1, said)
    }
}

impl<R: Record, Y: Says<R>, E: Emit> Says<R> for Verdict<Y, Refused<E>> {
    fn names() -> Names {
        let (yes, no) = (Y::names(), E::names());
        let topics = [yes.topics, no.topics].concat();
        Names { yes: yes.yes, no: [yes.no, no.yes, no.no].concat(), perhaps: true, topics }
    }
    fn say(self, said: &mut Said) -> Result<(), Fault> {
        match self {
            Self::Yes(yes) => yes.say(said),
            Self::No(Refused(refusal, facts)) => {
                said.no = true;
                said.refusal = Some(refusal);
                beside(facts, said)
            }
        }
    }
}
