//! How a run is told: what came in, and under it what was written down and done, by the names of steps.

use crate::node::Turn;
use ballet::message::Way;
use ballet::saga::Shape;
use ballet::saga::decide::Effect;
use ballet::saga::journal::{End, Signal, What};

/// A turn as one line for what came and one for each thing that followed.
pub fn told(shape: &Shape, came: &str, turn: Option<&Turn>) -> String {
    let mut text = format!("{came}\n");
    let Some(turn) = turn else { return text };
    for fact in &turn.decision.facts {
        text += &format!("    {}\n", fact_line(shape, &fact.what));
    }
    for effect in &turn.decision.effects {
        if let Some(line) = effect_line(shape, effect) {
            text += &format!("    -> {line}\n");
        }
    }
    text
}

fn fact_line(shape: &Shape, what: &What) -> String {
    let name = |step: &usize| shape.steps[*step].name;
    match what {
        What::Begun => "begun".to_owned(),
        What::Skipped { step } => format!("{} is not needed", name(step)),
        What::Started { step, attempts, round, .. } => {
            format!("{} started{}", name(step), count(*round, *attempts))
        }
        What::Faulted { step, way, text, .. } => {
            format!("{} {}: {text}", name(step), faulted(*way))
        }
        What::Done { step, .. } => format!("{} done", name(step)),
        What::Refused { step, refusal } => format!("{} refused: {refusal}", name(step)),
        What::Unknown { step, ready } => {
            format!("{} unknown, quiet from {}", name(step), ready.micros())
        }
        What::Dropped { step } => format!("{} dropped", name(step)),
        What::Signalled { step, signal } => match signal {
            Signal::Yes(_) => format!("{} signalled early: yes", name(step)),
            Signal::No(no) => format!("{} signalled early: {no}", name(step)),
        },
        What::Cancelled { by, reason } => format!("cancelled by {by}: {reason}"),
        What::Late => "the run is late".to_owned(),
        What::TooLate { by, .. } => format!("cancelled by {by}, too late"),
        What::Turned => "turned".to_owned(),
        What::Compensating { step, attempts, round, .. } => {
            format!("{} compensating{}", name(step), count(*round, *attempts))
        }
        What::Compensated { step, made: true } => format!("{} compensated", name(step)),
        What::Compensated { step, made: false } => {
            format!("{} compensated: there was nothing", name(step))
        }
        What::Reopened { step } => format!("{} reopened", name(step)),
        What::Stray { step, text, .. } => format!("{} stray: {text}", name(step)),
        What::Attention { step, why } => format!("{} needs attention: {why}", name(step)),
        What::Operated { verb, step, by, taken, .. } => {
            let taken = if *taken { "" } else { ", in vain" };
            format!("{} {} by {by}{taken}", name(step), verb.name())
        }
        What::Ended(End::Completed) => "completed".to_owned(),
        What::Ended(End::Compensated) => "compensated".to_owned(),
    }
}

/// Which attempt it is, when it is not the first.
fn count(round: u32, attempt: u32) -> String {
    match (round, attempt) {
        (0, 1) => String::new(),
        (0, attempt) => format!(", attempt {attempt}"),
        (round, attempt) => format!(", attempt {attempt} of round {round}"),
    }
}

fn faulted(way: Way) -> &'static str {
    match way {
        Way::Forward => "faulted",
        Way::Back => "could not be compensated",
    }
}

/// What is done outside. Ends and calls for attention are told by their facts.
fn effect_line(shape: &Shape, effect: &Effect) -> Option<String> {
    let name = |step: &usize| shape.steps[*step].name;
    match effect {
        Effect::Send { step, way: Way::Forward, .. } => Some(format!("ask {}", name(step))),
        Effect::Send { step, way: Way::Back, .. } => {
            Some(format!("ask to compensate {}", name(step)))
        }
        Effect::Run { step, way: Way::Forward, .. } => Some(format!("run {}", name(step))),
        Effect::Run { step, way: Way::Back, .. } => {
            Some(format!("run the compensation of {}", name(step)))
        }
        Effect::Contradicted { step, .. } => Some(format!("{} contradicts the end", name(step))),
        Effect::Attend { .. } | Effect::End(_) => None,
    }
}
