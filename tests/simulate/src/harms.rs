//! What goes wrong, done to the processes of a play.

use crate::cast::notes::NOTES;
use crate::cast::plans::NAMES;
use crate::dice::Dice;
use crate::house::Role;
use crate::net::Trip;
use crate::play::Play;
use crate::scenario::{Act, Harm, Kind};
use ballet::message::{Envelope, Kind as Sort, Message};
use ballet::saga::journal::Verb;
use ballet::{Key, id};
use serde_json::value::RawValue;
use std::time::Duration;

/// The trip that a kind is, if it happens at a point.
fn trip(kind: Kind) -> Option<Trip> {
    Some(match kind {
        Kind::CrashAtCommit => Trip::DieAtCommit,
        Kind::CrashCommitted => Trip::DieCommitted,
        Kind::CrashProduced => Trip::DieProduced,
        Kind::CommitUnknown => Trip::CommitUnknown,
        Kind::DiskError => Trip::CommitFails,
        Kind::BeginFails => Trip::BeginFails,
        Kind::ProduceFails => Trip::ProduceFails,
        Kind::LostAcknowledgement => Trip::AcknowledgementLost,
        Kind::EntryUnknown => Trip::EntryUnknown,
        Kind::PauseAtCommit => Trip::FreezeAtCommit,
        Kind::CrashTaken => Trip::DieTaken,
        Kind::MarkFails => Trip::MarkFails,
        _ => return None,
    })
}

/// The kind that such a trip is.
fn kind_of(trip: Trip) -> Kind {
    match trip {
        Trip::DieAtCommit => Kind::CrashAtCommit,
        Trip::DieCommitted => Kind::CrashCommitted,
        Trip::DieProduced => Kind::CrashProduced,
        Trip::CommitUnknown => Kind::CommitUnknown,
        Trip::CommitFails => Kind::DiskError,
        Trip::BeginFails => Kind::BeginFails,
        Trip::ProduceFails => Kind::ProduceFails,
        Trip::AcknowledgementLost => Kind::LostAcknowledgement,
        Trip::EntryUnknown => Kind::EntryUnknown,
        Trip::FreezeAtCommit => Kind::PauseAtCommit,
        Trip::DieTaken => Kind::CrashTaken,
        Trip::MarkFails => Kind::MarkFails,
    }
}

/// Harm that begins and ends.
pub(crate) trait Harming {
    async fn harm(&mut self, harm: Harm);
    async fn heal(&mut self, harm: Harm);
    /// Counts what went wrong at points since this was done last.
    fn note_trips(&mut self);
}

impl Harming for Play<'_> {
    async fn harm(&mut self, harm: Harm) {
        let Harm { kind, process: at, lasts, draw, .. } = harm;
        if let Some(trip) = trip(kind) {
            // Several in a row, so that what is tried again fails again.
            let times = if kind == Kind::PauseAtCommit { 0 } else { draw % 3 };
            for _ in 0..=times {
                self.processes[at].wires.trip(trip);
            }
            return;
        }
        let again = self.now() + lasts;
        let millis = Duration::from_millis(1 + draw % 400);
        let process = &mut self.processes[at];
        match kind {
            Kind::Crash | Kind::Pause if !process.is_alive() => return,
            Kind::Crash => {
                process.kill();
                process.again = Some(again);
            }
            Kind::Pause => process.freeze(true),
            Kind::CutFromStore => process.wires.cut_store(true),
            Kind::CutFromBroker => process.wires.cut_broker(true),
            Kind::Slow => process.wires.slow(millis),
            Kind::Skew => {
                let far = i64::try_from(draw % 4_000).unwrap_or(0);
                self.house.weather.skew(if draw.is_multiple_of(2) { far } else { -far });
            }
            Kind::Duplicate => self.house.world.repeat(2),
            Kind::ReplayAll => self.house.world.replay_all(),
            Kind::Reorder => be_late(self, draw),
            Kind::Rebalance => {
                let guest = self.house.start(self.scenario, Role::Everything, self.version).await;
                self.guests.push((again, guest));
            }
            Kind::Poison => poison(self, draw),
            Kind::Deploy => deploy(self, at).await,
            Kind::Operate if !self.scenario.plays.drawn => return,
            Kind::Operate => operate(self, draw).await,
            _ => return,
        }
        self.counts.harm(kind);
    }

    async fn heal(&mut self, harm: Harm) {
        let process = &mut self.processes[harm.process];
        match harm.kind {
            Kind::Pause | Kind::PauseAtCommit => process.freeze(false),
            Kind::CutFromStore => process.wires.cut_store(false),
            Kind::CutFromBroker => process.wires.cut_broker(false),
            Kind::Slow => process.wires.slow(Duration::ZERO),
            Kind::Skew => self.house.weather.skew(0),
            Kind::Duplicate => self.house.world.repeat(1),
            Kind::Reorder => self.house.world.delay(|_, _| Duration::ZERO),
            // One process after the other.
            Kind::Deploy if self.version == 2 => {
                for at in 0..self.processes.len() {
                    if self.processes[at].version == 1 {
                        self.restart(at).await;
                    }
                }
            }
            _ => {}
        }
    }

    fn note_trips(&mut self) {
        let guests = self.guests.iter().map(|(_, guest)| guest);
        for process in self.processes.iter().chain(guests) {
            for trip in process.wires.take_tripped() {
                self.counts.harm(kind_of(trip));
            }
        }
    }
}

/// Topics overtake each other.
fn be_late(play: &Play<'_>, draw: u64) {
    let most = 1 + draw % 3_000;
    play.house.world.delay(move |topic, offset| {
        let mixed = (offset + 1).wrapping_mul(0x9e37_79b9).wrapping_add(topic.len() as u64);
        Duration::from_millis(mixed % most)
    });
}

/// Bytes that are no message, or an event of a stranger that cannot be read.
fn poison(play: &Play<'_>, draw: u64) {
    let world = &play.house.world;
    let topics = world.topics();
    let partition = u32::try_from(draw % u64::from(play.scenario.lanes)).unwrap_or(0);
    if topics.is_empty() {
        return;
    }
    let topic = &topics[usize::try_from(draw / 7).unwrap_or(0) % topics.len()];
    if draw.is_multiple_of(3) && play.scenario.plays.notes {
        let envelope = Envelope {
            id: id::derived(&["poison", &draw.to_string()]),
            kind: Sort::Event,
            name: "note.noted".into(),
            version: 1,
            key: Key::new("poison"),
            correlation: "poison".into(),
            causation: None,
            hop: 0,
            occurred_at: ballet::clock::Time::default(),
            traceparent: None,
            stamp: None,
            step: None,
        };
        let message = Message::new(envelope, bytes::Bytes::from_static(b"{}"));
        return world.append(NOTES.name, partition, message.encode());
    }
    world.append(topic, partition, &b"no message"[..]);
}

/// This process is started again with the next plan; the others follow later.
async fn deploy(play: &mut Play<'_>, at: usize) {
    play.version = 2;
    play.restart(at).await;
}

/// What an operator does, by what is drawn.
pub(crate) fn verb(draw: u64) -> Verb {
    match draw % 6 {
        0 | 1 => Verb::Retry,
        2 => Verb::Skip,
        3 => Verb::MarkCompensated,
        4 => Verb::MarkNotDone,
        _ => Verb::Force(RawValue::NULL.to_owned()),
    }
}

/// An operator does something to one of the runs that clients begin.
async fn operate(play: &mut Play<'_>, draw: u64) {
    let now = play.now();
    let begun = play.scenario.acts().filter(|(_, timed)| timed.at <= now);
    let runs: Vec<u64> = begun
        .filter_map(|(_, timed)| match timed.act {
            Act::Begin(n) => Some(n),
            _ => None,
        })
        .collect();
    let mut dice = Dice::new(draw);
    let run = match runs.is_empty() {
        true => "nobody's".to_owned(),
        false => format!("r{}", dice.pick(&runs)),
    };
    let steps = play.scenario.plans[0].lines.len();
    play.operate("drawn", &run, dice.pick(&NAMES[..steps]), verb(dice.next())).await;
}
