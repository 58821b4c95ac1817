//! Reactors that are nothing but their tables, and how their mistakes are compared.

use crate::error::{Fault, StepError};
use crate::message::{Command, Event, Record};
use crate::reactor::reaction::{Answer, Reaction};
use crate::reactor::{Choreography, Emit, Reactor, Says, answer, react};
use crate::tx::Tx;
use expect_test::Expect;
use std::time::Duration;

pub(crate) const A_WHILE: Duration = Duration::from_secs(60);

/// Declares things that are known by their order.
macro_rules! records {
    ($($name:ident)+) => {
        $(#[derive(serde::Serialize, serde::Deserialize)]
        pub(crate) struct $name {
            order_id: String,
        })+
    };
}

/// A reaction that would say `O`.
pub(crate) fn hears<R: Reactor, E: Event, O: Emit>() -> Reaction<R, E, O> {
    async fn never<R: Sync, E: Sync, O>(_: &R, _: &mut Tx, _: &E) -> Result<O, Fault> {
        Err(Fault::new("only drawn"))
    }
    react(never::<R, E, O>)
}

/// An answer that would say `O`.
pub(crate) fn answers<R: Reactor, C: Command, O: Says<C::Reply>>() -> Answer<R, C> {
    async fn never<R: Sync, C: Sync, O>(_: &R, _: &mut Tx, _: &C) -> Result<O, StepError> {
        Err(Fault::new("only drawn").into())
    }
    answer(never::<R, C, O>)
}

/// What would take back, or end a wait, and say `O`.
pub(crate) async fn back<R: Sync, X: Record, M: Record, O: Emit>(
    _: &R,
    _: &mut Tx,
    _: &X,
    _: &Option<M>,
) -> Result<O, Fault> {
    Err(Fault::new("only drawn"))
}

pub(crate) async fn otherwise<R: Sync, X: Record, O: Emit>(
    _: &R,
    _: &mut Tx,
    _: &X,
) -> Result<O, Fault> {
    Err(Fault::new("only drawn"))
}

/// A reactor that is nothing but its table.
macro_rules! reactor {
    ($name:ident = $text:expr, $reactions:expr $(,)?) => {
        pub(crate) struct $name;
        impl Reactor for $name {
            const NAME: &'static str = $text;
            fn reactions() -> Reactions<Self> {
                $reactions
            }
        }
    };
}

pub(crate) use {reactor, records};

#[track_caller]
#[allow(clippy::needless_pass_by_value)] // It reads better where it is called.
pub(crate) fn check(whole: &Choreography, expected: Expect) {
    expected.assert_eq(&whole.mistakes().iter().map(|mistake| folded(mistake)).collect::<String>());
}

/// A sentence on lines that fit into this file.
pub(crate) fn folded(sentence: &str) -> String {
    let mut lines = vec![String::new()];
    for word in sentence.split_inclusive(' ') {
        if lines.last().is_some_and(|line| line.len() + word.len() > 80) {
            lines.push("    ".to_owned());
        }
        lines.last_mut().unwrap().push_str(word);
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}
