//! What must hold of things that happen once, and that each law can be broken.

#![cfg(test)]

use crate::engine::model::barrier::{Act, Barriers, Piece, Play, Rule, Scene};
use crate::engine::model::check::{self, holds};
use crate::reactor::barrier::Barrier;
use stateright::{Model, Property};

const ONCE: &str = "an action takes effect at most once";
const CLEAN: &str = "what was said to be taken back has no effect, and will have none";
const MADE: &str = "nothing is given back that was not taken";
const SHUT: &str = "who comes after what took it back is refused";
const EQUAL: &str = "the same command is answered the same";
const TOLD: &str = "when nothing is left to be done, whoever asked was told";
const EITHER: &str = "the pivot is done or the rest is taken back, never both";

impl Model for Barriers {
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
        let always = Property::always;
        match self.play {
            Play::Commands => vec![
                always(ONCE, |_: &Self, scene: &Scene| effects(scene, "/forward") <= 1),
                always(CLEAN, |_: &Self, scene: &Scene| {
                    !scene.said("refund.reply") || is_clean(scene)
                }),
                always(MADE, |_: &Self, scene: &Scene| {
                    effects(scene, "/back") <= effects(scene, "/forward")
                }),
                always(SHUT, |_: &Self, scene: &Scene| is_shut(scene)),
                always(EQUAL, |_: &Self, scene: &Scene| answers_the_same(scene)),
                always(TOLD, |model: &Self, scene: &Scene| {
                    model.is_under_way(scene)
                        || is_told(scene, Piece::Charge) && is_told(scene, Piece::Refund)
                }),
            ],
            Play::Pivot => vec![
                always(ONCE, |_: &Self, scene: &Scene| effects(scene, "/forward") <= 1),
                always(EITHER, |_: &Self, scene: &Scene| {
                    effects(scene, "/forward") == 0 || !scene.said("released")
                }),
                always(TOLD, |model: &Self, scene: &Scene| {
                    model.is_under_way(scene) || is_decided(scene)
                }),
            ],
        }
    }
}

impl Scene {
    fn said(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.said.iter().filter(move |(said, _)| said == name).map(|(_, body)| &**body)
    }

    fn came(&self, piece: Piece) -> usize {
        self.came.get(&piece).copied().unwrap_or(0).into()
    }
}

impl Barriers {
    fn is_under_way(&self, scene: &Scene) -> bool {
        let mut acts = Vec::new();
        self.goes_on(scene, &mut acts);
        !acts.is_empty()
    }
}

/// How many effects the outside has had under keys like this.
fn effects(scene: &Scene, way: &str) -> usize {
    scene.outside.iter().filter(|(key, yes)| key.contains(way) && **yes).count()
}

/// As many effects back as forward. A call that comes late would change it, in a later scene.
fn is_clean(scene: &Scene) -> bool {
    effects(scene, "/forward") == effects(scene, "/back")
}

/// Behind the first word that it was taken back, an action is refused for that reason.
fn is_shut(scene: &Scene) -> bool {
    let after = scene.said.iter().skip_while(|(name, _)| name != "refund.reply");
    let mut charges = after.filter(|(name, _)| name == "charge.reply");
    charges.all(|(_, body)| body.contains("taken_back"))
}

fn answers_the_same(scene: &Scene) -> bool {
    let before = scene.said.iter().take_while(|(name, _)| name != "refund.reply");
    let charges: Vec<_> = before.filter(|(name, _)| name == "charge.reply").collect();
    let refunds: Vec<_> = scene.all("refund.reply").collect();
    let same = refunds.windows(2).all(|pair| pair[0] == pair[1]);
    same && charges.windows(2).all(|pair| pair[0] == pair[1])
}

/// Whoever asked was told, and nobody who did not ask. What comes while its pair is being called for is
/// answered by what that call brings.
fn is_told(scene: &Scene, piece: Piece) -> bool {
    let name = if piece == Piece::Charge { "charge.reply" } else { "refund.reply" };
    let (told, came) = (scene.all(name).count(), scene.came(piece));
    told <= came && (told > 0 || came == 0)
}

/// Whoever cancels is told once what came of it, and nothing is under way.
fn is_decided(scene: &Scene) -> bool {
    let told = scene.all("released").count() + usize::from(scene.said("too-late"));
    let is_calling = |(_, row)| matches!(row, Barrier::Calling(_));
    (told == 1 || scene.came(Piece::Cancelled) == 0) && !Barriers::rows(scene).any(is_calling)
}

/// How often each message comes, and how many owners die: `BALLET_TESTS_BARRIER="2 2"`.
fn bounds() -> (u8, u8) {
    let Ok(text) = std::env::var("BALLET_TESTS_BARRIER") else { return (2, 2) };
    let numbers: Vec<u8> = text.split_whitespace().map(|n| n.parse().expect("a number")).collect();
    let [times, deaths] = numbers[..] else { panic!("two numbers: {text}") };
    (times, deaths)
}

fn whatever_happens(play: Play) {
    let (times, deaths) = bounds();
    for apart in [false, true] {
        let model = Barriers::new(play, Rule::Sound, apart, times, deaths);
        holds(&format!("{play:?}, apart {apart}"), model);
    }
}

#[test]
fn whatever_happens_to_a_command_that_calls_and_to_what_takes_it_back() {
    whatever_happens(Play::Commands);
}

#[test]
fn whatever_happens_to_a_pivot_that_calls_and_to_those_who_cancel() {
    whatever_happens(Play::Pivot);
}

/// A law that a broken model breaks.
#[track_caller]
fn breaks(play: Play, rule: Rule, law: &'static str) {
    let model = Barriers::new(play, rule, true, 2, 1);
    check::breaks(&format!("{play:?}, {rule:?}"), &model, law);
}

#[test]
fn what_does_not_wait_for_a_call_takes_back_what_comes_about_later() {
    breaks(Play::Commands, Rule::Blind, CLEAN);
    breaks(Play::Pivot, Rule::Blind, EITHER);
}

#[test]
fn without_a_door_that_is_shut_a_late_action_is_done() {
    breaks(Play::Commands, Rule::NoVoid, SHUT);
    breaks(Play::Commands, Rule::NoVoid, CLEAN);
    breaks(Play::Pivot, Rule::NoVoid, EITHER);
    breaks(Play::Pivot, Rule::NoVoid, TOLD);
}

#[test]
fn under_another_key_a_call_takes_effect_twice() {
    breaks(Play::Commands, Rule::FreshKey, ONCE);
    breaks(Play::Commands, Rule::FreshKey, MADE);
    breaks(Play::Pivot, Rule::FreshKey, ONCE);
}

#[test]
fn a_call_that_is_forgotten_with_its_caller_comes_about_after_it_was_taken_back() {
    breaks(Play::Commands, Rule::Forget, CLEAN);
    breaks(Play::Commands, Rule::Forget, TOLD);
    breaks(Play::Pivot, Rule::Forget, EITHER);
}

#[test]
fn an_answer_that_is_not_remembered_is_another_one_the_next_time() {
    breaks(Play::Commands, Rule::Mute, EQUAL);
}
