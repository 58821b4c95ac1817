//! The rule on taking back: which reactions are not, after which failures.
//!
//! ```text
//! external, commands ──► good way ──► pivot ══►          (beyond: only forward)
//!                            │ no, end of a wait, cancellation
//!                            └──► failure ──► … ──► an event on which the reaction is compensated
//! ```

#[cfg(test)]
mod tests;

use crate::reactor::Choreography;
use crate::reactor::check::names;
use crate::reactor::choreography::Part;
use crate::reactor::reactions::{Outline, Role};
use std::collections::BTreeSet;

type Events = BTreeSet<&'static str>;

/// Something after which reactions are taken back.
struct Failure {
    /// Who says it; the outside has no name.
    by: Option<&'static str>,
    events: Events,
}

/// What the rule asks of the whole, worked out once.
struct Ways<'a> {
    whole: &'a Choreography,
    /// All events on which somebody is compensated.
    backs: Events,
}

/// A sentence for each reaction that is not taken back after some failure.
pub(super) fn missing(whole: &Choreography) -> Vec<String> {
    let backs = whole.reactions().filter(|(_, line)| line.is_back());
    let ways = Ways { whole, backs: backs.map(|(_, line)| line.hears).collect() };
    let good = ways.good(ways.begin());
    let asked = whole.reactions().filter(|(_, line)| {
        line.role == Role::Forward
            && good.contains(line.hears)
            && !line.leaves_nothing
            && !line.says.yes.is_empty()
    });
    asked.filter_map(|(part, line)| ways.missing_of(part, line)).collect()
}

/// The events on which the reaction of `part` to `hears` is compensated.
fn backs_of(part: &Part, hears: &str) -> Events {
    let is_of = |line: &&Outline| matches!(line.role, Role::Back { of } if of == hears);
    part.lines.iter().filter(is_of).map(|line| line.hears).collect()
}

/// Adds all that follows, step by step.
fn closed(mut events: Events, next: impl Fn(&str) -> Events) -> Events {
    let mut fresh: Vec<_> = events.iter().copied().collect();
    while let Some(event) = fresh.pop() {
        fresh.extend(next(event).into_iter().filter(|said| events.insert(said)));
    }
    events
}

impl Ways<'_> {
    /// Where the good way begins.
    fn begin(&self) -> Events {
        let commands = self.whole.lines().filter(|(_, line)| line.topic.is_none());
        let answers = commands.filter(|(_, line)| line.role == Role::Forward);
        let said = answers.flat_map(|(_, line)| &line.says.yes);
        let begin = said.chain(self.whole.external.keys()).copied();
        begin.filter(|event| !self.backs.contains(event)).collect()
    }

    /// What follows while all is well, before the pivot.
    fn good(&self, from: Events) -> Events {
        closed(from, |event| {
            let forward = self.whole.reactions().filter(|(_, line)| line.role == Role::Forward);
            let said = forward.filter(|(_, line)| line.hears == event);
            let said = said.flat_map(|(_, line)| line.says.yes.iter().copied());
            said.filter(|event| !self.backs.contains(event)).collect()
        })
    }

    /// What may follow in any way, but beyond no pivot.
    fn after(&self, from: &Events) -> Events {
        closed(from.clone(), |event| {
            let lines = self.whole.reactions().filter(|(_, line)| line.hears == event);
            let said = lines.flat_map(|(_, line)| {
                let yes = if line.role == Role::Pivot { &[][..] } else { &line.says.yes };
                yes.iter().chain(&line.says.no)
            });
            said.copied().collect()
        })
    }

    /// The failures of a line itself.
    fn failures(&self, line: &Outline) -> [Events; 2] {
        let no = match line.role {
            Role::Forward | Role::Pivot => line.says.no.iter().copied().collect(),
            Role::Wait { .. } => line.says.all().collect(),
            Role::Back { .. } => Events::new(),
        };
        let call = match line.role {
            Role::Forward => self.calls_back(line),
            Role::Pivot | Role::Wait { .. } | Role::Back { .. } => Events::new(),
        };
        [no, call]
    }

    /// What a line says when all is well, and on which somebody is compensated.
    fn calls_back(&self, line: &Outline) -> Events {
        line.says.yes.iter().copied().filter(|event| self.backs.contains(event)).collect()
    }

    /// The failures that may follow an event on the good way.
    fn following(&self, event: &'static str) -> Vec<Failure> {
        let good = self.good(Events::from([event]));
        let lines = self.whole.reactions().filter(|(_, line)| good.contains(line.hears));
        lines
            .flat_map(|(part, line)| {
                self.failures(line).map(|events| Failure { by: Some(part.name), events })
            })
            .collect()
    }

    /// What may come at any time, and is nothing but a call to take back.
    fn cancellations(&self) -> Vec<Failure> {
        let external = &self.whole.external;
        let plain = self.backs.iter().filter(|event| external.contains_key(*event));
        let plain = plain.map(|event| Failure { by: None, events: Events::from([*event]) });
        let from_outside =
            |line: &Outline| line.topic.is_none() || external.contains_key(line.hears);
        let said = self.whole.lines().filter(|(_, line)| {
            line.role == Role::Forward
                && from_outside(line)
                && line.says.yes.iter().all(|event| self.backs.contains(event))
        });
        let said =
            said.map(|(part, line)| Failure { by: Some(part.name), events: self.calls_back(line) });
        plain.chain(said).collect()
    }

    /// Whether a cancellation takes back something that `event` follows, or stands beside.
    fn concerns(&self, failure: &Failure, event: &str) -> bool {
        let after = self.after(&failure.events);
        self.whole.reactions().any(|(part, line)| {
            line.role == Role::Forward
                && !backs_of(part, line.hears).is_disjoint(&after)
                && self.good(Events::from([line.hears])).contains(event)
        })
    }

    fn missing_of(&self, part: &Part, line: &Outline) -> Option<String> {
        let backs = backs_of(part, line.hears);
        let cancellations = self.cancellations().into_iter();
        let cancellations = cancellations.filter(|failure| self.concerns(failure, line.hears));
        let failures = self.following(line.hears).into_iter().chain(cancellations);
        let missing: Vec<Failure> = failures
            .filter(|failure| failure.by != Some(part.name) && !failure.events.is_empty())
            .filter(|failure| !failure.events.is_subset(&self.whole.harmless))
            .filter(|failure| self.after(&failure.events).is_disjoint(&backs))
            .collect();
        if missing.is_empty() {
            return None;
        }
        Some(self.sentence(part, line, &missing))
    }

    fn sentence(&self, part: &Part, line: &Outline, missing: &[Failure]) -> String {
        let told = |failure: &Failure| match failure.by {
            Some(by) => format!("{} of `{by}`", names(&failure.events)),
            None => names(&failure.events),
        };
        let told: BTreeSet<String> = missing.iter().map(told).collect();
        let told = told.into_iter().collect::<Vec<_>>().join(", or after ");
        let after = missing.iter().flat_map(|failure| self.after(&failure.events));
        let after: Events = after.filter(|event| self.backs.contains(event)).collect();
        let where_to = match after.is_empty() {
            true => "an event that follows".to_owned(),
            false => names(&after),
        };
        format!(
            "what `{}` does on `{}` is not taken back after {told}: add `.compensate_on::<..>(..)` \
             of {where_to}, or say `.leaves_nothing()`",
            part.name, line.hears
        )
    }
}
