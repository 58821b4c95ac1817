//! The plot: which points a telling has come to, and what goes wrong at which.

use crate::memory::{Fate, Node, Point, World};
use crate::story::explore::fault::{Fault, Harm, Step};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
struct Written {
    faults: BTreeMap<usize, Harm>,
    steps: Vec<Step>,
    lives: BTreeMap<String, u32>,
    /// How many steps belong to the setting.
    setting: usize,
    is_over: bool,
}

/// What happens in one telling. Clones are the same plot.
///
/// It makes processes for whoever plays a story in a way of their own; a [`Scene`](super::Scene) makes them
/// itself.
#[derive(Debug, Clone, Default)]
pub struct Plot(Arc<Mutex<Written>>);

impl Plot {
    pub(super) fn of(faults: &[Fault]) -> Self {
        let faults = faults.iter().map(|fault| (fault.at, fault.harm)).collect();
        Self(Arc::new(Mutex::new(Written { faults, ..Written::default() })))
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new process of the part of this name, to which may happen what is to happen.
    #[must_use]
    pub fn node(&self, world: &World, name: &str) -> Node {
        let (plot, who) = (self.clone(), name.to_owned());
        let life = {
            let mut written = self.written();
            let lives = written.lives.entry(who.clone()).or_default();
            *lives += 1;
            *lives
        };
        world.node_with(move |point| plot.written().pass(&who, life, point))
    }

    /// What was done until now is the setting of the story: no telling is made for what could have gone wrong
    /// there.
    pub fn rise(&self) {
        let mut written = self.written();
        written.setting = written.steps.len();
    }

    /// How many steps belong to the setting.
    pub(super) fn setting(&self) -> usize {
        self.written().setting
    }

    /// From now on nothing goes wrong, and nothing is counted.
    pub(super) fn end(&self) {
        self.written().is_over = true;
    }

    /// All that was come to, in its order.
    pub(super) fn steps(&self) -> Vec<Step> {
        self.written().steps.clone()
    }
}

impl Written {
    fn pass(&mut self, who: &str, life: u32, point: &Point) -> Fate {
        if self.is_over {
            return Fate::Go;
        }
        let harm = self.faults.get(&self.steps.len()).copied();
        let (who, point) = (who.to_owned(), point.clone());
        self.steps.push(Step { who, life, point, harm });
        harm.map_or(Fate::Go, Harm::fate)
    }
}
