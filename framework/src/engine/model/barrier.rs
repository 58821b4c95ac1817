//! Things that happen once: commands and a pivot that call the outside, what takes them back, and an owner
//! that may die while nobody knows what has come of a call.
//!
//! Messages come in any order and again. A call reaches the outside now, or late, when its caller is long
//! dead; the outside does the same thing once under one key, and may say no.

#![cfg(test)]

use crate::broker::Arrived;
use crate::clock::Time;
use crate::engine::memory::Memory;
use crate::engine::model::barrier_tables::{Desk, Till};
use crate::engine::model::stage::{Coming, Next, Ready, Stage};
use crate::engine::react::Reacting;
use crate::engine::work::Work;
use crate::id::derived;
use crate::memory::State;
use crate::message::{Envelope, Key, Kind, Message, Stamp, StepRef, Way};
use crate::reactor::barrier::Barrier;
use crate::store::{Slot, Value, Writes};
use crate::text::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Whose table is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Play {
    /// A command whose answer calls the outside, and the command that takes it back by another call.
    Commands,
    /// A reaction that is taken back on an event, and a pivot that calls the outside.
    Pivot,
}

/// How a model is broken, to show that its laws can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Nothing is.
    Sound,
    /// What takes back does not see that a call is under way, and does not wait for it.
    Blind,
    /// That something was taken back, or must not be done any more, is not remembered.
    NoVoid,
    /// Whoever makes a call again makes it under another key.
    FreshKey,
    /// A call whose caller has died is forgotten.
    Forget,
    /// What was answered is not remembered.
    Mute,
}

/// A message that may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Piece {
    Charge,
    Refund,
    Ordered,
    Paid,
    Cancelled,
}

/// Everything, at one moment.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) store: Arc<State>,
    pub(super) owner: Next,
    /// How often each message may still come, and how often it came.
    pub(super) left: BTreeMap<Piece, u8>,
    pub(super) came: BTreeMap<Piece, u8>,
    pub(super) deaths: u8,
    /// Calls of owners that died, which may reach the outside yet.
    pub(super) strays: BTreeSet<String>,
    /// What the outside has said under each key. A yes is an effect.
    pub(super) outside: BTreeMap<String, bool>,
    /// What was said: the name and the body, in order.
    pub(super) said: Vec<(String, String)>,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// A message is handled.
    Come(Piece),
    /// What waits for its time is tried again.
    Again,
    /// A call reaches the outside, which says yes or no, and its caller hears of it.
    Answer(String, bool),
    /// A call of an owner that is dead reaches the outside.
    Late(String, bool),
    /// The owner dies, and another one goes on.
    Die,
}

/// The model.
#[derive(Clone)]
pub(super) struct Barriers {
    pub(super) play: Play,
    pub(super) rule: Rule,
    /// Whether actions and compensations have different keys, and so do not wait behind each other.
    pub(super) apart: bool,
    /// How often each message comes, and how many owners die.
    pub(super) times: u8,
    pub(super) deaths: u8,
    stage: Stage,
}

impl Piece {
    const fn name(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Ordered => "ordered",
            Self::Paid => "paid",
            Self::Cancelled => "cancelled",
        }
    }

    const fn takes_back(self) -> bool {
        matches!(self, Self::Refund | Self::Cancelled)
    }

    /// The step of a command.
    fn step(self) -> Option<StepRef> {
        let way = match self {
            Self::Charge => Way::Forward,
            Self::Refund => Way::Back,
            Self::Ordered | Self::Paid | Self::Cancelled => return None,
        };
        let [saga, run, step] = ["buy", "1", "charge"].map(Text::of);
        let reply_to = Some(Text::of("replies"));
        Some(StepRef { saga, run, step, way, round: 0, attempt: 1, reply_to, deadline: None })
    }
}

impl Barriers {
    pub(super) fn new(play: Play, rule: Rule, apart: bool, times: u8, deaths: u8) -> Self {
        let stage = match play {
            Play::Commands => Stage::new(Arc::new(Reacting::new(Till, true))),
            Play::Pivot => Stage::new(Arc::new(Reacting::new(Desk, true))),
        };
        Self { play, rule, apart, times, deaths, stage }
    }

    pub(super) fn begin(&self) -> Scene {
        let pieces: &[Piece] = match self.play {
            Play::Commands => &[Piece::Charge, Piece::Refund],
            Play::Pivot => &[Piece::Ordered, Piece::Paid, Piece::Cancelled],
        };
        let mut store = State::default();
        let owner = Next(self.stage.take(&mut store).0);
        Scene {
            store: Arc::new(store),
            owner,
            left: pieces.iter().map(|piece| (*piece, self.times)).collect(),
            came: BTreeMap::new(),
            deaths: self.deaths,
            strays: BTreeSet::new(),
            outside: BTreeMap::new(),
            said: Vec::new(),
        }
    }

    /// What happens sooner or later if nothing goes wrong any more.
    pub(super) fn goes_on(&self, scene: &Scene, acts: &mut Vec<Act>) {
        let memory = &scene.owner.0;
        for id in memory.calling.keys() {
            for yes in self.may_say(scene, &self.key(scene, id)) {
                acts.push(Act::Answer(id.clone(), yes));
            }
        }
        if memory.calling.is_empty() && memory.parked.values().any(|parked| parked.due.is_some()) {
            acts.push(Act::Again);
        }
    }

    /// What may happen besides.
    pub(super) fn goes_wrong(&self, scene: &Scene, acts: &mut Vec<Act>) {
        acts.extend(scene.left.iter().filter(|(_, n)| **n > 0).map(|(piece, _)| Act::Come(*piece)));
        if scene.deaths > 0 {
            acts.push(Act::Die);
        }
        if !scene.owner.0.calling.is_empty() && self.has_due(scene) {
            acts.push(Act::Again);
        }
        for key in &scene.strays {
            acts.extend(
                self.may_say(scene, key).into_iter().map(|yes| Act::Late(key.clone(), yes)),
            );
        }
    }

    fn has_due(&self, scene: &Scene) -> bool {
        scene.owner.0.parked.values().any(|parked| parked.due.is_some())
    }

    /// The outside says the same under the same key, and never no to what takes back.
    fn may_say(&self, scene: &Scene, key: &str) -> Vec<bool> {
        match scene.outside.get(key) {
            Some(said) => vec![*said],
            None if key.contains("/back") => vec![true],
            None => vec![true, false],
        }
    }

    /// The key of a call: the same for every owner.
    fn key(&self, scene: &Scene, id: &str) -> String {
        match self.rule {
            Rule::FreshKey => format!("{id} by {}", scene.owner.0.epoch),
            _ => id.to_owned(),
        }
    }

    /// What follows.
    pub(super) fn act(&self, mut scene: Scene, act: Act) -> Scene {
        match act {
            Act::Come(piece) => {
                *scene.left.entry(piece).or_default() -= 1;
                *scene.came.entry(piece).or_default() += 1;
                let arrived = vec![self.arrived(&scene, piece)];
                self.batch(&mut scene, Coming { arrived, ..Coming::default() });
            }
            Act::Again => self.batch(&mut scene, Coming::default()),
            Act::Answer(id, yes) => {
                let key = self.key(&scene, &id);
                scene.outside.insert(key, yes);
                let calling = scene.owner.0.calling[&id].clone();
                let outcome = Ok(serde_json::to_vec(&yes).expect("plain data").into());
                let called = vec![Work::Called { calling, outcome }];
                self.batch(&mut scene, Coming { called, ..Coming::default() });
            }
            Act::Late(key, yes) => {
                scene.strays.remove(&key);
                scene.outside.insert(key, yes);
            }
            Act::Die => self.die(&mut scene),
        }
        scene
    }

    fn die(&self, scene: &mut Scene) {
        scene.deaths -= 1;
        let under_way: Vec<String> =
            scene.owner.0.calling.keys().map(|id| self.key(scene, id)).collect();
        scene.strays.extend(under_way);
        let store = Arc::make_mut(&mut scene.store);
        if self.rule == Rule::Forget {
            for lane in store.lanes.values_mut() {
                lane.calls.clear();
            }
            store.slots.retain(|_, value| !is_calling(value));
        }
        scene.owner = Next(self.stage.take(store).0);
    }

    fn batch(&self, scene: &mut Scene, coming: Coming) {
        let seen = self.seen(&scene.store, &coming);
        let ready = self.stage.batch(&seen, &scene.owner.0, 0, coming);
        let Ready { advance, mut writes, next, .. } = ready;
        for out in &writes.outgoing {
            let body = String::from_utf8_lossy(&out.message.body).into_owned();
            scene.said.push((out.message.envelope.name.to_string(), body));
        }
        self.spoil(&mut writes);
        Arc::make_mut(&mut scene.store).apply(&advance, Time::default(), writes);
        scene.owner = next;
    }

    /// The rows as the rule lets them be seen.
    fn seen(&self, store: &Arc<State>, coming: &Coming) -> Arc<State> {
        let takes_back = |arrived: &Arrived| {
            let name = arrived.message.as_ref().map(|message| message.envelope.name.clone());
            name.is_ok_and(|name| matches!(&*name, "refund" | "cancelled"))
        };
        let is_blind = self.rule == Rule::Blind && coming.arrived.iter().any(takes_back);
        let mut seen = Arc::clone(store);
        if is_blind {
            Arc::make_mut(&mut seen).slots.retain(|_, value| !is_calling(value));
        }
        seen
    }

    /// What the rule does to what is remembered.
    fn spoil(&self, writes: &mut Writes) {
        match self.rule {
            Rule::NoVoid => writes.slots.retain(|_, value| {
                !matches!(value.as_ref().and_then(barrier), Some(Barrier::Void { .. }))
            }),
            Rule::Mute => writes.slots.values_mut().flatten().for_each(|value| {
                if let Some(Barrier::Done { by, made, .. }) = barrier(value) {
                    let mute = Barrier::Done { by, made, reply: None };
                    value.body = serde_json::to_vec(&mute).expect("plain data").into();
                }
            }),
            Rule::Sound | Rule::Blind | Rule::FreshKey | Rule::Forget => {}
        }
    }

    /// A message as it comes next on its edge.
    fn arrived(&self, scene: &Scene, piece: Piece) -> Arrived {
        let seq: u64 = scene.came.values().map(|n| u64::from(*n)).sum();
        // An event comes once; what comes again is a command, under a new id.
        let key = if self.apart && piece.takes_back() { "back" } else { "1" };
        let (kind, topic) = match self.play {
            Play::Commands => (Kind::Command, "till.commands"),
            Play::Pivot => (Kind::Event, "facts"),
        };
        let stamp = Stamp { source: "world".into(), incarnation: 1, lane: 0, seq };
        let envelope = Envelope {
            id: derived(&[piece.name(), "a message"]),
            kind,
            name: piece.name().into(),
            version: 1,
            key: Key::new(key),
            correlation: "1".into(),
            causation: None,
            hop: 0,
            occurred_at: Time::default(),
            traceparent: None,
            stamp: Some(stamp),
            step: piece.step(),
        };
        let message = Message::new(envelope, r#"{"id":"1"}"#);
        Arrived { topic: topic.into(), offset: seq - 1, message: Ok(message) }
    }

    /// What is remembered, key by key.
    pub(super) fn rows(scene: &Scene) -> impl Iterator<Item = (&Slot, Barrier)> {
        scene.store.slots.iter().filter_map(|(slot, value)| Some((slot, barrier(value)?)))
    }
}

fn barrier(value: &Value) -> Option<Barrier> {
    serde_json::from_slice(&value.body).ok()
}

fn is_calling(value: &Value) -> bool {
    matches!(barrier(value), Some(Barrier::Calling(_)))
}

impl Hash for Scene {
    /// What the future depends on, and what the laws look at. How often the lane was taken follows from
    /// how many owners may still die.
    fn hash<H: Hasher>(&self, to: &mut H) {
        for (slot, value) in &self.store.slots {
            (&slot.key, &value.body).hash(to);
        }
        let Memory { calling, parked, .. } = &self.owner.0;
        calling.keys().for_each(|id| id.hash(to));
        for (number, parked) in parked {
            (number, parked.held, &parked.body, parked.due.is_some()).hash(to);
        }
        (&self.left, &self.came, self.deaths).hash(to);
        (&self.strays, &self.outside, &self.said).hash(to);
    }
}

impl PartialEq for Scene {
    fn eq(&self, other: &Self) -> bool {
        self.said == other.said && self.left == other.left && self.outside == other.outside
    }
}
