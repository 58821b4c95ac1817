//! How a model is checked: all of it, or until a law is broken.

#![cfg(test)]

use stateright::{Checker, Model};
use std::fmt::Debug;
use std::hash::Hash;

/// Visits every state that can be reached, holds the laws in each, and says how many there were.
#[track_caller]
pub(super) fn holds<M>(what: &str, model: M)
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Debug + Clone + PartialEq,
{
    let checker = model.checker().threads(2).spawn_bfs().join();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    eprintln!("{what}: {states} states, the longest path has {depth}");
    checker.assert_properties();
}

/// Finds that a broken model breaks this law, and tells how.
#[track_caller]
pub(super) fn breaks<M>(what: &str, model: &M, law: &'static str)
where
    M: Model + Clone + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Debug + Clone + PartialEq,
{
    let checker = model.clone().checker().spawn_bfs().join();
    let path = checker.discovery(law).unwrap_or_else(|| panic!("{what} does not break: {law}"));
    let holds = model.property(law).condition;
    let steps = path.into_vec().into_iter().take_while(|(state, _)| holds(model, state));
    let acts: Vec<String> = steps.filter_map(|(_, act)| Some(format!("{:?}", act?))).collect();
    eprintln!("{what} breaks \"{law}\": {}", acts.join(", "));
}
