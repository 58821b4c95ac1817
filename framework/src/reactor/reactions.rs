//! The table of a reactor.

use crate::message::{Command, Event, Topic};
use crate::reactor::Reactor;
use crate::reactor::emit::Names;
use crate::reactor::reaction::{Answer, Reacts, Unit};
use crate::reactor::wait::{Wait, Waiting};
use std::fmt;

/// What a reactor hears, and what it does then.
pub struct Reactions<R> {
    pub(crate) units: Vec<Unit<R>>,
    pub(crate) waits: Vec<Waiting<R>>,
}

impl<R> fmt::Debug for Reactions<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.units.iter().map(|unit| unit.hears)).finish()
    }
}

impl<R: Reactor> Default for Reactions<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R: Reactor> Reactions<R> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { units: Vec::new(), waits: Vec::new() }
    }

    /// Hears an event.
    #[must_use]
    pub fn on<E: Event>(mut self, reaction: impl Reacts<R, E>) -> Self {
        self.units.push(reaction.into_unit());
        self
    }

    /// Answers a command.
    #[must_use]
    pub fn to<C: Command>(mut self, answer: Answer<R, C>) -> Self {
        self.units.push(answer.into_unit());
        self
    }

    /// Expects something, within a time.
    #[must_use]
    pub fn expect(mut self, name: &'static str, wait: Wait<R>) -> Self {
        self.waits.push(Waiting { name, wait });
        self
    }

    /// Everything that it hears and says, as data.
    #[must_use]
    pub fn outline(&self) -> Vec<Outline> {
        let lines = self.units.iter().flat_map(|unit| {
            let forward = Outline {
                hears: unit.hears,
                topic: unit.topic,
                to: unit.to,
                says: unit.names.clone(),
                role: if unit.pivot { Role::Pivot } else { Role::Forward },
                calls: unit.stages.call.is_some(),
                has_back: !unit.back.is_empty(),
                leaves_nothing: unit.leaves_nothing,
                too_late: Names::default(),
            };
            let back = unit.back.iter().map(|back| Outline {
                hears: back.hears,
                topic: back.topic,
                to: back.to,
                says: back.names.clone(),
                role: Role::Back { of: unit.hears },
                calls: back.call.is_some(),
                has_back: false,
                leaves_nothing: true,
                too_late: back
                    .too_late
                    .as_ref()
                    .map(|(_, names)| names.clone())
                    .unwrap_or_default(),
            });
            std::iter::once(forward).chain(back)
        });
        let waits = self.waits.iter().map(|Waiting { name, wait }| Outline {
            hears: wait.after.0,
            topic: Some(wait.after.1),
            to: None,
            says: wait.names.clone(),
            role: Role::Wait { name, until: wait.until.iter().map(|(name, _)| *name).collect() },
            calls: false,
            has_back: false,
            leaves_nothing: true,
            too_late: Names::default(),
        });
        lines.chain(waits).collect()
    }

    /// The topics it reads, commands aside, each once.
    #[must_use]
    pub fn topics(&self) -> Vec<Topic> {
        let units = self.units.iter().flat_map(|unit| {
            unit.topic.into_iter().chain(unit.back.iter().filter_map(|back| back.topic))
        });
        // What the reactor says itself begins and ends its waits without being heard.
        let own = self.says();
        let waits = self.waits.iter().flat_map(|waiting| {
            let until = waiting.wait.until.iter().copied();
            std::iter::once(waiting.wait.after).chain(until)
        });
        let waits = waits.filter(|(name, _)| !own.contains(name)).map(|(_, topic)| topic);
        let mut topics: Vec<Topic> = units.chain(waits).collect();
        topics.sort_by_key(|topic| topic.name);
        topics.dedup_by_key(|topic| topic.name);
        topics
    }

    /// The names of all that it may say.
    fn says(&self) -> Vec<&'static str> {
        let lines = self.outline();
        let names = |line: &Outline| {
            line.says.all().chain(line.too_late.all()).collect::<Vec<&'static str>>()
        };
        lines.iter().flat_map(names).collect()
    }

    /// What is wrong with the table, if anything: rules that types cannot hold.
    #[must_use]
    pub fn faults(&self, reactor: &str) -> Vec<String> {
        let mut faults = Vec::new();
        for (at, unit) in self.units.iter().enumerate() {
            if self.units[..at].iter().any(|other| other.hears == unit.hears) {
                faults.push(format!("reactor `{reactor}` hears `{}` in two lines", unit.hears));
            }
        }
        for (at, waiting) in self.waits.iter().enumerate() {
            if self.waits[..at].iter().any(|other| other.name == waiting.name) {
                faults.push(format!("reactor `{reactor}` has two waits `{}`", waiting.name));
            }
            if waiting.name.contains('/') {
                faults.push(format!(
                    "wait `{}` of reactor `{reactor}` has a `/` in its name: timers are told by names, and a `/` \
                     ends them",
                    waiting.name
                ));
            }
        }
        faults
    }

    /// Whether it answers commands.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.units.iter().any(Unit::is_answer)
    }
}

/// What a line of a reactor is there for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // The fields are what their names say.
pub enum Role {
    /// It does something.
    Forward,
    /// It does something that cannot be taken back.
    Pivot,
    /// It takes back what the reaction to `of` made.
    Back { of: &'static str },
    /// It expects one of `until`, and says something when none came in time.
    Wait { name: &'static str, until: Vec<&'static str> },
}

/// One line of a reactor, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// The event or command.
    pub hears: &'static str,
    /// Where it comes from; `None` for a command.
    pub topic: Option<Topic>,
    /// Whom a command is addressed to; `None` for an event.
    pub to: Option<&'static str>,
    /// What may be said.
    pub says: Names,
    /// What the line is there for.
    pub role: Role,
    /// Whether it calls the outside.
    pub calls: bool,
    /// Whether it can be taken back.
    pub has_back: bool,
    /// Whether it was said that there is nothing to take back.
    pub leaves_nothing: bool,
    /// What is said instead when the pivot was faster.
    pub too_late: Names,
}
