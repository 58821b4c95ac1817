//! The lane protocol: what can happen, and what follows from it. What the framework does in it, its own code
//! does.

#![cfg(test)]

use crate::broker::Arrived;
use crate::clock::Time;
use crate::engine::handler::{Handler, Source, Trouble};
use crate::engine::memory::Memory;
use crate::engine::model::lane::{
    Act, Bounds, Process, Rule, Scene, Sent, Standing, Word, land, lands, send, stray, word,
};
use crate::engine::model::stage::{Coming, Next, Ready, Stage};
use crate::engine::owner::{Concluded, conclude};
use crate::engine::queue::Queue;
use crate::engine::work::Work;
use crate::error::Fault;
use crate::future::BoxFuture;
use crate::id::derived;
use crate::memory::State;
use crate::message::{Envelope, Key, Kind, Message, Stamp};
use crate::store::{Advance, Calling, Position, Writes};
use crate::tx::{Send, Tx};
use bytes::Bytes;
use std::sync::Arc;

const WORDS: &str = "words";
const LOG: &str = "log";

/// The model.
#[derive(Clone)]
pub(super) struct Lanes {
    pub(super) rule: Rule,
    pub(super) bounds: Bounds,
    /// How many messages are sent at once, or a few more: batches are sent whole.
    pub(super) at_once: usize,
    pub(super) source: Stage,
    pub(super) sink: Stage,
}

/// Says every word on, or says nothing.
struct Crier(&'static str);

impl Handler for Crier {
    fn group(&self) -> &str {
        self.0
    }

    fn sources(&self) -> Vec<Source> {
        Vec::new()
    }

    fn handle<'a>(&'a self, tx: &'a mut Tx, work: &'a Work) -> BoxFuture<'a, Result<(), Trouble>> {
        Box::pin(async move {
            if let (Work::Message { message, .. }, "source") = (work, self.0) {
                let (topic, name, body) = (LOG.into(), "word".into(), message.body.clone());
                let (kind, key) = (Kind::Event, Key::new("a"));
                tx.say(Send { topic, kind, name, version: 1, key, step: None, body });
            }
            Ok(())
        })
    }

    fn call<'a>(&'a self, _: &'a Calling, _: u32) -> BoxFuture<'a, Result<Bytes, Fault>> {
        Box::pin(async { Err(Fault::new("nothing here calls")) })
    }

    fn pair(&self, _: &Work) -> Option<(String, bool)> {
        None
    }
}

/// A word as it comes from the lane `source`.
fn carried(source: &str, seq: u64, word: Word) -> Message {
    let stamp = Stamp { source: source.into(), incarnation: 1, lane: 0, seq };
    let envelope = Envelope {
        id: derived(&[source, &word.to_string()]),
        kind: Kind::Event,
        name: "word".into(),
        version: 1,
        key: Key::new("a"),
        correlation: "a".into(),
        causation: None,
        hop: 0,
        occurred_at: Time::default(),
        traceparent: None,
        stamp: Some(stamp),
        step: None,
    };
    Message::new(envelope, vec![word])
}

fn arrived(topic: &str, at: usize, message: Message) -> Arrived {
    Arrived { topic: topic.into(), offset: at as u64, message: Ok(message) }
}

fn read(memory: &Memory, topic: &str) -> usize {
    memory.positions.get(topic).map_or(0, |at| usize::try_from(at.next).unwrap_or(usize::MAX))
}

impl Lanes {
    pub(super) fn new(rule: Rule, bounds: Bounds) -> Self {
        let source = Stage::new(Arc::new(Crier("source")));
        let mut sink = Stage::new(Arc::new(Crier("sink")));
        if rule == Rule::Watermark {
            sink.compacted.insert(LOG.into());
        }
        Self { rule, bounds, at_once: usize::MAX, source, sink }
    }

    /// The first process has the lane, and nothing has happened.
    pub(super) fn begin(&self) -> Scene {
        let mut store = State::default();
        for (stage, topic) in [(&self.source, WORDS), (&self.sink, LOG)] {
            store.register(&stage.lane, &[(topic.to_owned(), Position::default())].into());
        }
        let sink = Next(self.sink.take(&mut store).0);
        let mut scene = Scene {
            store: Arc::new(store),
            open: None,
            processes: [None, None],
            air: Vec::new(),
            log: Vec::new(),
            sink,
            left: self.bounds,
            handled: Vec::new(),
            said: Vec::new(),
            heard: Vec::new(),
            is_overrun: false,
        };
        self.take(&mut scene, 0);
        scene
    }

    /// The epoch of the last owner.
    fn epoch(&self, scene: &Scene) -> u64 {
        scene.store.lanes[&self.source.lane].epoch
    }

    /// Whether a process has the lane, or will know that it has.
    fn is_owner(&self, scene: &Scene, who: usize) -> bool {
        let standing = scene.processes[who].as_ref().map(|process| &process.standing);
        let epoch = match standing {
            Some(Standing::Serving(memory)) => memory.0.epoch,
            Some(Standing::Asking(ready)) => ready.advance.epoch,
            Some(Standing::Over) | None => return false,
        };
        epoch == self.epoch(scene)
    }

    /// Whether the row of the lane can be read and written.
    fn is_free(&self, scene: &Scene) -> bool {
        scene.open.is_none() || self.rule == Rule::NoLock
    }

    /// What happens sooner or later if nothing goes wrong any more.
    pub(super) fn goes_on(&self, scene: &Scene, acts: &mut Vec<Act>) {
        for who in (0..2).filter(|who| self.is_owner(scene, *who)) {
            self.works(scene, who, acts);
        }
        if scene.open.is_some() {
            acts.extend([Act::Settle(true), Act::Settle(false)]);
        }
        if self.is_free(scene) && !(0..2).any(|who| self.is_owner(scene, who)) {
            acts.extend([Act::Take(0), Act::Take(1)]);
        }
    }

    /// What a process does of itself.
    fn works(&self, scene: &Scene, who: usize, acts: &mut Vec<Act>) {
        let Some(process) = &scene.processes[who] else { return };
        if let Some(memory) = process.memory().filter(|_| self.is_free(scene)) {
            let left = self.bounds.words - Word::try_from(read(memory, WORDS)).unwrap_or(0);
            acts.extend((1..=left.min(2)).map(|words| Act::Batch(who, words)));
            if self.markable(process) > scene.store.lanes[&self.source.lane].published {
                acts.push(Act::Mark(who));
            }
        }
        if matches!(process.standing, Standing::Asking(_)) && self.is_free(scene) {
            acts.push(Act::Ask(who));
        }
        if !process.is_sending && !process.queue.next().is_empty() {
            acts.push(Act::Send(who));
        }
        lands(scene, Some(who), acts);
    }

    /// What may happen besides.
    pub(super) fn goes_wrong(&self, scene: &Scene, acts: &mut Vec<Act>) {
        let left = &scene.left;
        for who in 0..2 {
            if !self.is_owner(scene, who) {
                self.works(scene, who, acts);
            }
            if left.takes > 0 && self.is_free(scene) {
                acts.push(Act::Take(who));
            }
            let Some(process) = &scene.processes[who] else { continue };
            if left.deaths > 0 {
                acts.push(Act::Die(who));
            }
            if left.fails > 0 && process.is_sending {
                acts.push(Act::Fail(who));
            }
            if let Some(memory) = process.memory().filter(|_| left.cuts > 0 && scene.open.is_none())
                && read(memory, WORDS) < usize::from(self.bounds.words)
            {
                acts.push(Act::Cut(who, 1));
            }
        }
        lands(scene, None, acts);
    }

    /// What follows.
    pub(super) fn act(&self, mut scene: Scene, act: Act) -> Scene {
        match act {
            Act::Take(who) => {
                if (0..2).any(|who| self.is_owner(&scene, who)) {
                    scene.left.takes = scene.left.takes.saturating_sub(1);
                }
                self.take(&mut scene, who);
            }
            Act::Batch(who, words) => self.batch(&mut scene, who, words, false),
            Act::Cut(who, words) => {
                scene.left.cuts -= 1;
                self.batch(&mut scene, who, words, true);
            }
            Act::Settle(is_done) => {
                let open = scene.open.take().expect("a transaction is open");
                if is_done {
                    self.commit(&mut scene, &open.0, open.1.clone());
                }
            }
            Act::Ask(who) => self.ask(&mut scene, who),
            Act::Mark(who) => {
                let process = scene.processes[who].as_ref().expect("it lives");
                let epoch = process.memory().expect("it serves").epoch;
                let published = self.markable(process);
                Arc::make_mut(&mut scene.store).mark(&self.source.lane, epoch, published);
            }
            Act::Send(who) => send(&mut scene, who),
            Act::Land(at, which) => {
                land(&mut scene, at, which);
                self.hear(&mut scene);
            }
            Act::Fail(who) => {
                scene.left.fails -= 1;
                stray(&mut scene, who);
                scene.processes[who].as_mut().expect("it lives").is_sending = false;
            }
            Act::Die(who) => {
                scene.left.deaths -= 1;
                stray(&mut scene, who);
                scene.processes[who] = None;
            }
        }
        scene.air.sort_unstable();
        for process in &mut scene.processes {
            let is_idle = |process: &mut Process| process.queue.next().is_empty();
            process
                .take_if(|process| matches!(process.standing, Standing::Over) && is_idle(process));
        }
        scene
    }

    fn markable(&self, process: &Process) -> u64 {
        match self.rule {
            Rule::MarkSent => process.queue.appended(),
            _ => process.queue.published(),
        }
    }

    fn take(&self, scene: &mut Scene, who: usize) {
        stray(scene, who);
        let (memory, unpublished) = self.source.take(Arc::make_mut(&mut scene.store));
        let mut queue = Queue::of(memory.batch, unpublished);
        queue.at_once = self.at_once;
        let standing = Standing::Serving(Box::new(Next(memory)));
        scene.processes[who] = Some(Process { standing, queue, is_sending: false });
    }

    fn batch(&self, scene: &mut Scene, who: usize, words: Word, is_cut: bool) {
        let process = scene.processes[who].as_ref().expect("it lives");
        let memory = process.memory().expect("it serves");
        let from = read(memory, WORDS);
        let coming = (from..from + usize::from(words)).map(|at| {
            let word = Word::try_from(at + 1).unwrap_or(0);
            arrived(WORDS, at, carried("world", at as u64 + 1, word))
        });
        let coming = Coming { arrived: coming.collect(), ..Coming::default() };
        let ready = self.source.batch(&scene.store, memory, self.markable(process), coming);
        let met = scene.store.check(&self.seen(&scene.store, &ready.advance));
        if met.is_err() {
            scene.processes[who].as_mut().expect("it lives").standing = Standing::Over;
        } else if is_cut {
            scene.open = Some(Arc::new((ready.advance.clone(), ready.writes.clone())));
            let standing = Standing::Asking(Box::new(ready));
            scene.processes[who].as_mut().expect("it lives").standing = standing;
        } else {
            self.commit(scene, &ready.advance, ready.writes.clone());
            self.committed(scene, who, ready);
        }
    }

    /// The compare-and-set, as far as the rule looks.
    fn seen(&self, store: &State, advance: &Advance) -> Advance {
        let lane = &store.lanes[&self.source.lane];
        let mut seen = advance.clone();
        if matches!(self.rule, Rule::NoEpoch | Rule::Unfenced) {
            seen.epoch = lane.epoch;
        }
        if self.rule == Rule::Unfenced {
            seen.batch = lane.batch;
        }
        seen
    }

    /// The database commits a batch.
    fn commit(&self, scene: &mut Scene, advance: &Advance, writes: Writes) {
        scene.is_overrun |= advance.epoch != self.epoch(scene);
        for out in &writes.outgoing {
            let seq = out.message.envelope.stamp.as_ref().expect("it is ours").seq;
            scene.said.push((seq, word(&out.message)));
            scene.handled.push(word(&out.message));
        }
        Arc::make_mut(&mut scene.store).apply(advance, Time::default(), writes);
    }

    /// A process knows that its batch was committed.
    fn committed(&self, scene: &mut Scene, who: usize, ready: Ready) {
        let process = scene.processes[who].as_mut().expect("it lives");
        process.queue.append(ready.next.0.batch, ready.writes.outgoing);
        if self.rule == Rule::OwnFirst && !process.is_sending {
            process.queue.waiting.rotate_right(1);
        }
        process.standing = Standing::Serving(Box::new(ready.next));
    }

    fn ask(&self, scene: &mut Scene, who: usize) {
        let process = scene.processes[who].as_mut().expect("it lives");
        let Standing::Asking(ready) = std::mem::replace(&mut process.standing, Standing::Over)
        else {
            unreachable!("it asks");
        };
        let met = scene.store.check(&self.seen(&scene.store, &ready.advance));
        if self.rule == Rule::Hope || conclude(&ready.advance, met) == Concluded::Committed {
            self.committed(scene, who, *ready);
        }
    }

    fn hear(&self, scene: &mut Scene) {
        let ready = self.hearing(&scene.store, &scene.sink.0, &scene.log);
        scene.heard.extend(ready.handled.iter().map(word));
        Arc::make_mut(&mut scene.store).apply(&ready.advance, Time::default(), ready.writes);
        scene.sink = ready.next;
    }

    /// A batch of all that the sink has not read.
    fn hearing(&self, store: &State, sink: &Memory, log: &[Sent]) -> Ready {
        let from = read(sink, LOG);
        let heard = log[from..].iter().enumerate().map(|(at, (seq, word))| {
            let mut message = carried("source", *seq, *word);
            if self.rule == Rule::Ids {
                message.envelope_mut().stamp = None;
            }
            arrived(LOG, from + at, message)
        });
        let coming = Coming { arrived: heard.collect(), ..Coming::default() };
        self.sink.batch(store, sink, 0, coming)
    }

    /// What a sink hears that reads the whole log in one batch.
    pub(super) fn heard_at_once(&self, log: &[Sent]) -> Vec<Word> {
        let begin = self.begin();
        let ready = self.hearing(&begin.store, &begin.sink.0, log);
        ready.handled.iter().map(word).collect()
    }
}
