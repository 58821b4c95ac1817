//! What the commits so far add up to: enough to know whether all is quiet.

use crate::cast::counter::{MONEY, ORDERS};
use crate::net::Trace;
use crate::plans;
use ballet::message::Outgoing;
use ballet::saga::Head;
use ballet::saga::decide::{Progress, State};
use ballet::saga::journal::Journal;
use ballet::store::{LaneId, Space, Status};
use checkers::Commit;
use std::collections::{BTreeMap, BTreeSet};

/// What is open.
#[derive(Default)]
pub(crate) struct Mirror {
    /// How many commits were looked at.
    seen: usize,
    /// Runs that have not ended: by saga and id, with their status and journal.
    open: BTreeMap<(String, String), (Option<Status>, Journal)>,
    groups: BTreeSet<String>,
    parked: BTreeSet<(LaneId, u64)>,
    calls: BTreeSet<(LaneId, String)>,
    /// Orders of which no end is known.
    orders: BTreeSet<String>,
    /// The last batch of each lane that said something.
    said: BTreeMap<LaneId, u64>,
    /// Whether anything was said of late.
    changed: bool,
}

impl Mirror {
    /// Takes what was committed since.
    pub(crate) fn follow(&mut self, trace: &Trace) {
        let from = self.seen;
        self.changed = false;
        self.seen = trace.look(from, |commits| {
            for commit in commits {
                self.take(commit);
            }
            from + commits.len()
        });
    }

    fn take(&mut self, commit: &Commit) {
        let Commit { lane, writes, .. } = commit;
        for (slot, value) in &writes.slots {
            if slot.space != Space::Runs {
                continue;
            }
            let run = (slot.table.to_string(), String::from_utf8_lossy(&slot.key).into_owned());
            match value {
                Some(value) if !value.status.is_some_and(Status::is_end) => {
                    let journal =
                        Journal::decode(&value.body).expect("nobody damages journals here");
                    self.open.insert(run, (value.status, journal));
                }
                _ => drop(self.open.remove(&run)),
            }
        }
        self.groups.insert(lane.group.to_string());
        for number in &writes.released {
            self.parked.remove(&(lane.clone(), *number));
        }
        self.parked.extend(writes.parked.iter().map(|parked| (lane.clone(), parked.number)));
        for id in &writes.called {
            self.calls.remove(&(lane.clone(), id.clone()));
        }
        self.calls.extend(writes.calls.iter().map(|call| (lane.clone(), call.id.clone())));
        if !writes.outgoing.is_empty() {
            self.said.insert(lane.clone(), commit.after + 1);
        }
        for Outgoing { topic, message, .. } in &writes.outgoing {
            self.changed = true;
            let (name, key) = (message.envelope.name.as_str(), message.envelope.key.as_str());
            match name {
                "order.ordered" if topic == ORDERS.name => {
                    self.orders.insert(key.to_owned());
                }
                "money.paid" | "money.cancelled" | "money.too-late" if topic == MONEY.name => {
                    self.orders.remove(key);
                }
                _ => {}
            }
        }
    }

    /// Whether everything has ended, and nothing was said of late or has still to be published.
    pub(crate) fn is_quiet(&self, trace: &Trace) -> bool {
        let published = |(lane, batch): (&LaneId, &u64)| trace.published(lane) >= *batch;
        !self.changed
            && self.said.iter().all(published)
            && self.parked.is_empty()
            && self.calls.is_empty()
            && self.orders.is_empty()
            && self.open.is_empty()
    }

    /// The groups that have committed something.
    pub(crate) fn groups(&self) -> &BTreeSet<String> {
        &self.groups
    }

    /// The runs of a saga that have not ended.
    pub(crate) fn open_runs(&self, saga: &str) -> Vec<String> {
        let of = self.open.keys().filter(|(of, _)| of == saga);
        of.map(|(_, run)| run.clone()).collect()
    }

    fn state(&self, saga: &str, run: &str) -> Option<(ballet::saga::Shape, State)> {
        let (_, journal) = self.open.get(&(saga.to_owned(), run.to_owned()))?;
        let shape = plans::shapes().remove(&(saga.to_owned(), journal.version))?;
        let state = State::fold(&shape, journal);
        Some((shape, state))
    }

    /// Whether a run waits for a signal at this step.
    pub(crate) fn hears(&self, run: &str, step: &str) -> bool {
        self.state("drawn", run).is_some_and(|(shape, state)| {
            shape.position(step).is_some_and(|at| {
                shape.steps[at].head == Head::Hear
                    && matches!(state.steps[at], Progress::InFlight { .. } | Progress::Waiting)
            })
        })
    }

    /// Whether a step of a run needs a person.
    pub(crate) fn attends(&self, saga: &str, run: &str, step: &str) -> bool {
        self.state(saga, run).is_some_and(|(shape, state)| {
            shape.position(step).is_some_and(|at| state.attention.contains_key(&at))
        })
    }
}
