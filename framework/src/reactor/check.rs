//! The rules of a choreography: what is told by [`mistakes`](super::Choreography::mistakes).
//!
//! Each rule is a function from the tables to sentences. Which rules there are is said at
//! `mistakes`; that on taking back has a file of its own.

mod back;
#[cfg(test)]
pub(super) mod purchase;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tests;

use crate::message::Topic;
use crate::reactor::Choreography;
use crate::reactor::choreography::Part;
use crate::reactor::reactions::{Outline, Role};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Every broken rule.
pub(super) fn mistakes(whole: &Choreography) -> Vec<String> {
    let mut mistakes = twins(whole);
    mistakes.extend(whole.parts.iter().flat_map(of_part));
    mistakes.extend(unsaid(whole));
    mistakes.extend(unheard(whole));
    mistakes.extend(second_writers(whole));
    mistakes.extend(loops(whole));
    mistakes.extend(back::missing(whole));
    mistakes
}

/// Every rule that a reactor breaks alone, whoever else there is.
pub(crate) fn of_part(part: &Part) -> Vec<String> {
    let mut mistakes = doubles(part);
    mistakes.extend(misaddressed(part));
    mistakes.extend(both_modes(part));
    mistakes
}

/// The items that come more than once, each once.
fn twice<T: Ord>(items: impl Iterator<Item = T>) -> BTreeSet<T> {
    let mut seen = BTreeMap::new();
    items.for_each(|item| *seen.entry(item).or_insert(0) += 1);
    seen.into_iter().filter(|(_, count)| *count > 1).map(|(item, _)| item).collect()
}

/// Names in a sentence: "`a`, `b`".
fn names<'a>(names: impl IntoIterator<Item = &'a &'static str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn twins(whole: &Choreography) -> Vec<String> {
    let twins = twice(whole.parts.iter().map(|part| part.name));
    let say = |name| format!("two reactors are called `{name}`: give each a `NAME` of its own");
    twins.into_iter().map(say).collect()
}

fn doubles(part: &Part) -> Vec<String> {
    let name = part.name;
    let lines = || part.lines.iter();
    let forward = twice(lines().filter(|line| line.is_forward()).map(|line| line.hears));
    let back = twice(lines().filter_map(|line| match line.role {
        Role::Back { of } => Some((of, line.hears)),
        Role::Forward | Role::Pivot | Role::Wait { .. } => None,
    }));
    let waits = twice(lines().filter_map(|line| match line.role {
        Role::Wait { name, .. } => Some(name),
        Role::Forward | Role::Pivot | Role::Back { .. } => None,
    }));
    let forward = forward.into_iter().map(|hears| {
        format!(
            "`{name}` hears `{hears}` on two lines: do both in one reaction, or in two reactors"
        )
    });
    let back = back.into_iter().map(|(of, hears)| {
        format!("`{name}` takes `{of}` back twice on `{hears}`: leave one compensation out")
    });
    let waits = waits
        .into_iter()
        .map(|wait| format!("`{name}` has two waits called `{wait}`: rename one of them"));
    forward.chain(back).chain(waits).collect()
}

fn misaddressed(part: &Part) -> Vec<String> {
    let name = part.name;
    let foreign = part.lines.iter().filter_map(|line| Some((line.hears, line.to?)));
    let foreign = foreign.filter(|(_, to)| *to != name);
    let say = |(command, to)| {
        format!(
            "`{name}` answers `{command}`, which is addressed to `{to}`: answer it in the reactor \
             of that name"
        )
    };
    foreign.map(say).collect()
}

fn both_modes(part: &Part) -> Option<String> {
    let back = |by_event: bool| {
        part.lines.iter().find(|line| line.is_back() && line.topic.is_some() == by_event)
    };
    let (event, command) = (back(true)?.hears, back(false)?.hears);
    Some(format!(
        "`{}` is compensated by the event `{event}` and by the command `{command}`: make two \
         reactors over the same functions, one that reacts and one that answers",
        part.name
    ))
}

/// The events that a line hears or awaits.
fn hears(line: &Outline) -> impl Iterator<Item = &'static str> + '_ {
    let heard = line.topic.map(|_| line.hears);
    heard.into_iter().chain(line.awaits().iter().copied())
}

fn unsaid(whole: &Choreography) -> Vec<String> {
    let said: BTreeSet<_> = whole.lines().flat_map(|(_, line)| line.all()).collect();
    let heard = whole.lines().flat_map(|(part, line)| {
        hears(line).map(move |event| {
            let verb = if line.awaits().contains(&event) { "awaits" } else { "hears" };
            (part.name, verb, event)
        })
    });
    let unsaid = heard
        .filter(|(_, _, event)| !said.contains(event) && !whole.external.contains_key(event))
        .collect::<BTreeSet<_>>();
    let say = |(reactor, verb, event)| {
        format!(
            "`{reactor}` {verb} `{event}`, which nobody says: add the reactor that does, or \
             declare it `.external::<..>()`"
        )
    };
    unsaid.into_iter().map(say).collect()
}

fn unheard(whole: &Choreography) -> Vec<String> {
    let heard: BTreeSet<_> = whole.lines().flat_map(|(_, line)| hears(line)).collect();
    let said = whole.lines().flat_map(|(part, line)| line.all().map(|event| (part.name, event)));
    let unheard = said
        .filter(|(_, event)| !heard.contains(event) && !whole.published.contains_key(event))
        .collect::<BTreeSet<_>>();
    let say = |(reactor, event)| {
        format!(
            "`{reactor}` says `{event}`, which nobody hears: add the reactor that does, or \
             declare it `.published::<..>()`"
        )
    };
    unheard.into_iter().map(say).collect()
}

/// A topic is known by those who hear its events, and by those who declare them.
fn second_writers(whole: &Choreography) -> Vec<String> {
    let heard = whole.parts.iter().flat_map(|part| &part.topics);
    let topics: BTreeMap<&str, Topic> = heard
        .chain(&whole.external)
        .chain(&whole.published)
        .map(|(event, topic)| (*event, *topic))
        .collect();
    let mut writers: BTreeMap<&str, BTreeSet<&'static str>> = BTreeMap::new();
    for (part, line) in whole.lines() {
        for topic in line.all().filter_map(|event| topics.get(event)) {
            if !topic.many_writers {
                writers.entry(topic.name).or_default().insert(part.name);
            }
        }
    }
    let crowded = writers.into_iter().filter(|(_, writers)| writers.len() > 1);
    let say = |(topic, writers): (&str, BTreeSet<_>)| {
        format!(
            "topic `{topic}` is written by {}: give each a topic of its own, or declare it \
             `many writers`",
            names(&writers)
        )
    };
    crowded.map(say).collect()
}

/// What is always said after an event. Compensations and waits end a loop: they happen once.
fn always(whole: &Choreography) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut always: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (_, line) in whole.reactions() {
        if line.is_forward() && !line.says.perhaps && line.says.no.is_empty() {
            always.entry(line.hears).or_default().extend(line.says.yes.iter().copied());
        }
    }
    always
}

fn loops(whole: &Choreography) -> Vec<String> {
    let next = always(whole);
    let loops: BTreeSet<Vec<_>> = next.keys().filter_map(|event| round(&next, event)).collect();
    let say = |events: Vec<&'static str>| {
        let reactors: BTreeSet<_> = whole
            .reactions()
            .filter(|(_, line)| line.is_forward() && events.contains(&line.hears))
            .map(|(part, _)| part.name)
            .collect();
        format!(
            "the loop {} has no exit: let one of {} say only perhaps what it says (`Option`, \
             `Verdict`)",
            names(&events),
            names(&reactors)
        )
    };
    loops.into_iter().map(say).collect()
}

/// The shortest way from an event back to itself, begun at the least of its events.
fn round(
    next: &BTreeMap<&'static str, BTreeSet<&'static str>>,
    event: &'static str,
) -> Option<Vec<&'static str>> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([vec![event]]);
    while let Some(way) = ways.pop_front() {
        for said in next.get(way.last()?).into_iter().flatten() {
            if *said == event {
                let least = way.iter().enumerate().min_by_key(|(_, name)| **name)?.0;
                return Some([&way[least..], &way[..least]].concat());
            }
            if seen.insert(*said) {
                ways.push_back([&way[..], &[*said]].concat());
            }
        }
    }
    None
}
