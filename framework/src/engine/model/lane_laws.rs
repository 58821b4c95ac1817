//! What must hold of the lane protocol, and that each law can be broken.

#![cfg(test)]

use crate::engine::model::check::{self, holds};
use crate::engine::model::lane::{Act, Bounds, Rule, Scene, Standing};
use crate::engine::model::lane_acts::Lanes;
use crate::engine::model::stage::Next;
use stateright::{Model, Property};

impl Model for Lanes {
    type State = Scene;
    type Action = Act;

    fn init_states(&self) -> Vec<Scene> {
        vec![self.begin()]
    }

    fn actions(&self, scene: &Scene, acts: &mut Vec<Act>) {
        self.goes_on(scene, acts);
        self.goes_wrong(scene, acts);
    }

    fn next_state(&self, scene: &Scene, act: Act) -> Option<Scene> {
        Some(self.act(scene.clone(), act))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONCE, |_: &Self, scene: &Scene| {
                is_prefix(&scene.handled) && !has_twice(&scene.heard)
            }),
            Property::always(IN_ORDER, |_: &Self, scene: &Scene| scene.heard.is_sorted()),
            Property::always(FENCED, |_: &Self, scene: &Scene| !scene.is_overrun),
            Property::always(MARKED, marks_what_has_arrived),
            Property::always(COMMITTED, |_: &Self, scene: &Scene| {
                scene.log.iter().all(|sent| scene.said.contains(sent))
            }),
            Property::always(NUMBERED, |_: &Self, scene: &Scene| {
                (1..).zip(&scene.said).all(|(seq, (said, _))| seq == *said)
            }),
            Property::always(KNOWN, knows_what_is_written),
            Property::always(ALL, |model: &Self, scene: &Scene| {
                model.is_under_way(scene) || model.is_complete(scene)
            }),
        ]
    }
}

const ONCE: &str = "nothing is taken twice";
const IN_ORDER: &str = "what came on an edge is handled in its order";
const FENCED: &str = "nobody commits after a successor has taken the lane";
const MARKED: &str = "a mark passes nothing that is not in the log";
const COMMITTED: &str = "nothing is published that was not committed";
const NUMBERED: &str = "the numbers of an edge are gapless, and each is given once";
const KNOWN: &str = "an owner remembers what is written";
const ALL: &str = "when nothing is left to be done, everything has been taken";

/// The words come in their order, each once.
fn is_prefix(words: &[u8]) -> bool {
    (1..).zip(words).all(|(expected, word)| expected == *word)
}

fn has_twice(words: &[u8]) -> bool {
    words.iter().enumerate().any(|(at, word)| words[..at].contains(word))
}

fn marks_what_has_arrived(model: &Lanes, scene: &Scene) -> bool {
    let lane = &scene.store.lanes[&model.source.lane];
    let marked = lane.outbox.range(..=lane.published).flat_map(|(_, (_, messages))| messages);
    marked
        .map(|out| out.message.envelope.stamp.as_ref())
        .all(|stamp| stamp.is_some_and(|stamp| scene.log.iter().any(|(seq, _)| *seq == stamp.seq)))
}

fn knows_what_is_written(model: &Lanes, scene: &Scene) -> bool {
    let epoch = scene.store.lanes[&model.source.lane].epoch;
    let of = |memory: &Next, mut found: crate::engine::memory::Memory| {
        found.epoch = memory.0.epoch;
        *memory == Next(found)
    };
    let sink = of(&scene.sink, model.sink.found(&scene.store));
    let serving = scene.processes.iter().flatten().filter_map(|process| match &process.standing {
        Standing::Serving(memory) if memory.0.epoch == epoch => Some(memory),
        _ => None,
    });
    sink && serving.into_iter().all(|memory| of(memory, model.source.found(&scene.store)))
}

impl Lanes {
    fn is_under_way(&self, scene: &Scene) -> bool {
        let mut acts = Vec::new();
        self.goes_on(scene, &mut acts);
        !acts.is_empty()
    }

    /// Every word was handled by the source, and by the sink, in order.
    fn is_complete(&self, scene: &Scene) -> bool {
        let all: Vec<u8> = (1..=self.bounds.words).collect();
        scene.handled == all && scene.heard == all && self.heard_at_once(&scene.log) == all
    }
}

/// Two words, and once each of what can go wrong.
const SMALL: Bounds = Bounds { words: 2, takes: 1, cuts: 1, fails: 1, deaths: 1 };

/// Bounds from the environment, as `BALLET_TESTS_MODEL="2 1 1 1 1"`: words, takes, cuts, fails, deaths.
fn bounds(or: Bounds) -> Bounds {
    let Ok(text) = std::env::var("BALLET_TESTS_MODEL") else { return or };
    let numbers: Vec<u8> = text.split_whitespace().map(|n| n.parse().expect("a number")).collect();
    let [words, takes, cuts, fails, deaths] = numbers[..] else { panic!("five numbers: {text}") };
    Bounds { words, takes, cuts, fails, deaths }
}

#[test]
fn whatever_happens_to_two_owners_of_a_lane() {
    holds("two owners of a lane", Lanes::new(Rule::Sound, bounds(SMALL)));
}

#[test]
fn whatever_happens_to_two_owners_who_publish_batch_by_batch() {
    let lanes = Lanes { at_once: 1, ..Lanes::new(Rule::Sound, bounds(SMALL)) };
    holds("two owners who publish batch by batch", lanes);
}

#[track_caller]
fn breaks(rule: Rule, law: &'static str, bounds: Bounds) {
    check::breaks(&format!("{rule:?}"), &Lanes::new(rule, bounds), law);
}

const CALM: Bounds = Bounds { words: 2, takes: 0, cuts: 0, fails: 0, deaths: 0 };

#[test]
fn by_a_watermark_messages_are_lost() {
    breaks(Rule::Watermark, ALL, CALM);
}

#[test]
fn by_their_ids_messages_are_taken_out_of_order() {
    breaks(Rule::Ids, IN_ORDER, CALM);
}

#[test]
fn an_own_batch_before_what_was_left_marks_what_has_not_arrived() {
    // What goes out at once is acknowledged at once, in whatever order it stands.
    let lanes = |bounds| Lanes { at_once: 1, ..Lanes::new(Rule::OwnFirst, bounds) };
    check::breaks("OwnFirst", &lanes(Bounds { takes: 1, ..CALM }), MARKED);
    check::breaks("OwnFirst", &lanes(Bounds { takes: 1, deaths: 2, ..CALM }), ALL);
}

#[test]
fn a_mark_of_what_was_only_sent_loses_it() {
    breaks(Rule::MarkSent, MARKED, CALM);
    breaks(Rule::MarkSent, ALL, Bounds { deaths: 1, ..CALM });
}

#[test]
fn without_an_epoch_who_was_succeeded_commits() {
    breaks(Rule::NoEpoch, FENCED, Bounds { takes: 1, ..CALM });
}

#[test]
fn without_a_compare_and_set_everything_is_taken_twice() {
    breaks(Rule::Unfenced, ONCE, Bounds { takes: 1, ..CALM });
    breaks(Rule::Unfenced, NUMBERED, Bounds { takes: 1, ..CALM });
}

#[test]
fn who_hopes_that_a_commit_was_done_publishes_what_was_not_and_remembers_what_is_not() {
    breaks(Rule::Hope, COMMITTED, Bounds { cuts: 1, ..CALM });
    breaks(Rule::Hope, KNOWN, Bounds { cuts: 1, ..CALM });
}

#[test]
fn who_does_not_wait_for_the_row_of_an_open_commit_takes_twice() {
    breaks(Rule::NoLock, ONCE, Bounds { cuts: 1, ..CALM });
}
