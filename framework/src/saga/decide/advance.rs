//! Advancing: what can be begun now, forward or back, and what is overdue.

use crate::clock::Time;
use crate::error::Refusal;
use crate::message::Way;
use crate::mistake::Mistake;
use crate::saga::decide::{Draft, Effect, Progress};
use crate::saga::journal::{End, Fact, What};
use crate::saga::shape::Head;
use serde_json::value::RawValue;

/// Whether a step is needed, by the facts that were added and its number.
type Needed<'a, E> = &'a mut dyn FnMut(&[Fact], usize) -> Result<bool, E>;

impl Draft<'_> {
    /// Begins whatever can be begun now, until nothing more can.
    pub(super) fn advance<E>(&mut self, needed: Needed<'_, E>) -> Result<(), E> {
        loop {
            let before = self.decision.facts.len();
            if !self.state.turned && self.must_turn() {
                self.note(What::Turned);
            }
            if self.state.turned {
                self.go_back();
            } else {
                self.go_forward(needed)?;
            }
            if self.state.ended.is_some() || self.decision.facts.len() == before {
                return Ok(());
            }
        }
    }

    /// Whether something happened that ends the way forward. While the pivot decides, nothing does.
    fn must_turn(&self) -> bool {
        let is_committed =
            self.state.is_committed(self.shape) && !Mistake::CancelAfterThePivot.is_made();
        let is_deciding =
            self.state.is_deciding(self.shape) && !Mistake::CancelBesideThePivot.is_made();
        if is_committed || is_deciding {
            return false;
        }
        let stopped = |progress: &Progress| match progress {
            // By hand: nothing else takes back before the run turns.
            Progress::Compensated { .. } => true,
            Progress::Refused { .. } | Progress::Unknown { .. } => true,
            Progress::InFlight { overdue, .. } => *overdue,
            _ => false,
        };
        self.state.cancelled || self.state.late || self.state.steps.iter().any(stopped)
    }

    fn go_forward<E>(&mut self, needed: Needed<'_, E>) -> Result<(), E> {
        let open = self.state.steps.iter().position(|progress| !progress.is_passed());
        let Some(open) = open else {
            self.end(End::Completed);
            return Ok(());
        };
        let group = self.shape.steps[open].group;
        for step in self.shape.members(group) {
            // An early signal may say no while its group is begun: then the rest is not.
            if self.must_turn() && !Mistake::GoOnAfterTheDecision.is_made() {
                break;
            }
            if self.state.steps[step] != Progress::Waiting {
                continue;
            }
            if self.shape.steps[step].sometimes && !needed(&self.decision.facts, step)? {
                self.note(What::Skipped { step });
            } else {
                self.start(step, 0);
            }
        }
        Ok(())
    }

    /// Begins a step: sends its command, runs its method, or waits for its signal.
    pub(super) fn start(&mut self, step: usize, round: u32) {
        let shape = &self.shape.steps[step];
        let until = shape.within.map(|within| self.now.after(within));
        self.note(What::Started { step, round, attempts: 1, last: self.now, until });
        match shape.head {
            Head::Act => self.effect(Effect::Run { step, way: Way::Forward, round, attempt: 1 }),
            Head::Ask { .. } => {
                self.effect(Effect::Send { step, way: Way::Forward, round, attempt: 1 });
            }
            Head::Tell { .. } => {
                self.effect(Effect::Send { step, way: Way::Forward, round, attempt: 1 });
                self.note(What::Done { step, made: RawValue::NULL.to_owned() });
            }
            Head::Hear => {
                if let Some(signal) = self.state.signals.get(&step).cloned() {
                    self.heard(step, signal);
                }
            }
            Head::Begun => unreachable!("what began the run is done from the start"),
        }
    }

    /// Takes back the last group that left something, once all of its members have answered.
    fn go_back(&mut self) {
        let first = if Mistake::CompensateHalf.is_made() { self.shape.groups() / 2 } else { 0 };
        for group in (first..self.shape.groups()).rev() {
            let is_wrong = Mistake::CompensateInOrder.is_made();
            let group = if is_wrong { self.shape.groups() - 1 - group } else { group };
            let members: Vec<usize> = self.shape.members(group).collect();
            if self.is_still_going(&members) {
                return;
            }
            let left: Vec<usize> =
                members.into_iter().filter(|step| self.left_something(*step)).collect();
            for step in &left {
                self.begin_to_undo(*step);
            }
            if !left.is_empty() {
                return;
            }
        }
        self.end(End::Compensated);
    }

    /// Whether a member may still be done by somebody, so that it matters.
    fn is_still_going(&mut self, members: &[usize]) -> bool {
        let mut going = false;
        for step in members.iter().copied() {
            match self.state.steps[step] {
                Progress::InFlight { .. } if self.need_not_speak(step) => {
                    self.note(What::Dropped { step });
                }
                Progress::InFlight { .. } => going = !Mistake::CompensateWhileInFlight.is_made(),
                Progress::Unknown { ready } => {
                    let is_early = self.now < ready && !Mistake::NoMargin.is_made();
                    going |= self.shape.steps[step].is_compensable() && is_early;
                }
                Progress::Done => {
                    let quiet = self.state.quiet_from(self.shape, step);
                    going |= quiet.is_some_and(|quiet| self.now < quiet);
                }
                _ => {}
            }
        }
        going
    }

    /// Whether the way back passes a step that has not answered: a signal, for nobody was asked to do
    /// anything; and what leaves nothing, if the whole run is cancelled or late. After a no it is heard
    /// while it has time, so that whoever is told why is told every reason.
    fn need_not_speak(&self, step: usize) -> bool {
        let line = &self.shape.steps[step];
        let is_called_off = self.state.cancelled || self.state.late;
        line.head == Head::Hear || (is_called_off && !line.is_compensable())
    }

    fn left_something(&self, step: usize) -> bool {
        let done = matches!(
            self.state.steps[step],
            Progress::Done | Progress::Unknown { .. } | Progress::Compensating { .. }
        );
        let is_unknown = matches!(self.state.steps[step], Progress::Unknown { .. });
        let is_forgotten = is_unknown && Mistake::UnknownIsNotCompensated.is_made();
        done && self.shape.steps[step].is_compensable() && !is_forgotten
    }

    fn begin_to_undo(&mut self, step: usize) {
        if !matches!(self.state.steps[step], Progress::Compensating { .. }) {
            self.compensate(step, self.rounds_of(step), 1);
        }
    }

    /// How often the step has been taken back before.
    fn rounds_of(&self, step: usize) -> u32 {
        self.state.rounds.get(&step).map_or(0, |round| round.saturating_add(1))
    }

    pub(super) fn compensate(&mut self, step: usize, round: u32, attempt: u32) {
        self.note(What::Compensating { step, round, attempts: attempt, last: self.now });
        self.effect(match self.runs_here(step, Way::Back) {
            true => Effect::Run { step, way: Way::Back, round, attempt },
            false => Effect::Send { step, way: Way::Back, round, attempt },
        });
    }

    fn end(&mut self, end: End) {
        self.note(What::Ended(end));
        self.effect(Effect::End(end));
    }

    /// Does what is overdue.
    pub(super) fn tick(&mut self) {
        if self.state.deadline(self.shape).is_some_and(|deadline| deadline <= self.now) {
            self.note(What::Late);
        }
        for step in 0..self.shape.steps.len() {
            match self.state.steps[step] {
                Progress::InFlight { .. } => self.tick_forward(step),
                Progress::Compensating { .. } => self.tick_back(step),
                _ => {}
            }
        }
    }

    fn tick_forward(&mut self, step: usize) {
        let Progress::InFlight { round, attempts, last, until, faulted, overdue } =
            self.state.steps[step]
        else {
            return;
        };
        let shape = &self.shape.steps[step];
        if !overdue && until.is_some_and(|until| until <= self.now) {
            return self.time_is_up(step, until);
        }
        let waits = match shape.head {
            Head::Ask { .. } => true,
            Head::Act => faulted || Mistake::CallTwiceInALife.is_made(),
            _ => false,
        };
        if !waits || self.now < last.after(shape.retry.delay(attempts)) {
            return;
        }
        if shape.retry.is_spent(attempts) && !overdue {
            return self.time_is_up(step, until);
        }
        self.again(step, round, attempts.saturating_add(1), until);
    }

    /// Tries a step once more, under the same command id or key.
    pub(super) fn again(&mut self, step: usize, round: u32, attempt: u32, until: Option<Time>) {
        self.note(What::Started { step, round, attempts: attempt, last: self.now, until });
        self.effect(match self.runs_here(step, Way::Forward) {
            true => Effect::Run { step, way: Way::Forward, round, attempt },
            false => Effect::Send { step, way: Way::Forward, round, attempt },
        });
    }

    /// The time of a step is up, or its attempts are: a signal counts as refused, everything else as
    /// unknown. Whoever still works on it may do so until its time is up, however few the attempts.
    fn time_is_up(&mut self, step: usize, until: Option<Time>) {
        if self.shape.steps[step].head == Head::Hear || Mistake::UnknownIsRefused.is_made() {
            return self.heard_nothing(step);
        }
        let ready = until.unwrap_or(self.now).after(self.shape.margin);
        self.note(What::Unknown { step, ready });
        if matches!(self.state.steps[step], Progress::InFlight { .. }) {
            self.attend(step, "it has not answered in time, and is asked until it does");
        }
    }

    /// Before the pivot silence is a no; after it, there is no no, so somebody must speak.
    fn heard_nothing(&mut self, step: usize) {
        let after = self.shape.pivot().is_some_and(|pivot| pivot < step);
        if after {
            let now = self.now;
            self.note(What::Unknown { step, ready: now });
            self.attend(step, "its signal has not come in time, and is still awaited");
        } else {
            let refusal = Refusal::new("timed_out", "no signal came in time");
            self.note(What::Refused { step, refusal });
        }
    }

    fn tick_back(&mut self, step: usize) {
        let Progress::Compensating { round, attempts, last, faulted } = self.state.steps[step]
        else {
            return;
        };
        let shape = &self.shape.steps[step];
        let waits = faulted || !self.runs_here(step, Way::Back);
        if !waits || self.now < last.after(shape.patience.delay(attempts)) {
            return;
        }
        let is_spent = shape.patience.is_spent(attempts);
        if is_spent && Mistake::GiveUpOnCompensations.is_made() {
            return self.note(What::Compensated { step, made: true });
        }
        if is_spent {
            self.attend(step, "it could not be taken back yet, and is still tried");
        }
        self.compensate(step, round, attempts.saturating_add(1));
    }
}
