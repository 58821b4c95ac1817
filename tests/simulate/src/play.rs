//! Plays a scenario: clients and harm in their order, then calm, then the books are read.

use crate::calm;
use crate::cast::plans::tell_plans;
use crate::coverage::{Counts, transitions};
use crate::harms::Harming;
use crate::house::{House, Process, Role};
use crate::read;
use crate::scenario::{Harm, Scenario};
use ballet::clock::rest;
use std::time::Duration;

/// What came of a play.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// A digest of everything that was committed and produced, in order.
    pub trace: u64,
    /// Whatever the checkers found.
    pub findings: Vec<String>,
    /// What happened how often.
    pub counts: Counts,
}

/// A play under way.
pub(crate) struct Play<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) house: House,
    pub(crate) processes: Vec<Process>,
    /// Processes that came, and go again at this time.
    pub(crate) guests: Vec<(u64, Process)>,
    pub(crate) counts: Counts,
    /// Which version of the drawn plan is deployed.
    pub(crate) version: u32,
    /// Which process a client asks next.
    pub(crate) turn: usize,
}

/// Plays a scenario in virtual time.
///
/// # Panics
///
/// If no runtime can be made.
#[must_use]
pub fn play(scenario: &Scenario) -> Outcome {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    tell_plans(&scenario.plans);
    runtime.block_on(async {
        let mut play = Play::open(scenario).await;
        play.go_wrong().await;
        calm::down(&mut play).await;
        let trace = play.house.trace.digest();
        let history = read::history(&mut play).await;
        play.counts.schedules = 1;
        play.counts.commits = history.commits.len() as u64;
        play.counts.runs = history.runs.len() as u64;
        transitions(&history, &mut play.counts);
        Outcome { trace, findings: checkers::check(&history), counts: play.counts }
    })
}

/// What happens at a time: a harm begins or ends, or a client acts.
#[derive(Debug, Clone, Copy)]
enum Event {
    Begins(Harm),
    Ends(Harm),
    Acts(usize),
}

impl<'a> Play<'a> {
    async fn open(scenario: &'a Scenario) -> Self {
        let house = House::new(scenario.seed);
        let mut processes = Vec::new();
        for at in 0..scenario.instances {
            let role = match (scenario.is_split, at) {
                (false, _) => Role::Everything,
                (true, 0) => Role::Sagas,
                (true, _) => Role::Services,
            };
            processes.push(house.start(scenario, role, 1).await);
        }
        let (guests, counts) = (Vec::new(), Counts::default());
        Self { scenario, house, processes, guests, counts, version: 1, turn: 0 }
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.house.weather.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Everything that the scenario says, at its time.
    async fn go_wrong(&mut self) {
        let mut events: Vec<(u64, Event)> = Vec::new();
        for (_, harm) in self.scenario.harms() {
            events.push((harm.at, Event::Begins(*harm)));
            events.push((harm.at + harm.lasts, Event::Ends(*harm)));
        }
        events.extend(self.scenario.acts().map(|(at, timed)| (timed.at, Event::Acts(at))));
        events.sort_by_key(|(at, _)| *at);
        for (at, event) in events {
            rest(Duration::from_millis(at.saturating_sub(self.now()))).await;
            self.tend().await;
            match event {
                Event::Begins(harm) => self.harm(harm).await,
                Event::Ends(harm) => self.heal(harm).await,
                Event::Acts(at) => drop(self.act(&self.scenario.acts[at].act).await),
            }
        }
        self.note_trips();
    }

    /// Whoever is dead is started again after a while, and guests go when it is time.
    async fn tend(&mut self) {
        self.note_trips();
        let now = self.now();
        for at in 0..self.processes.len() {
            let process = &mut self.processes[at];
            match process.again {
                _ if process.is_alive() => process.again = None,
                None => process.again = Some(now + 1_000),
                Some(again) if again <= now => self.restart(at).await,
                Some(_) => {}
            }
        }
        self.guests.retain_mut(|(until, guest)| {
            let stays = *until > now;
            if !stays {
                guest.kill();
            }
            stays
        });
    }

    /// Another process in the place of this one.
    pub(crate) async fn restart(&mut self, at: usize) {
        let role = self.processes[at].role;
        self.processes[at].kill();
        self.processes[at] = self.house.start(self.scenario, role, self.version).await;
    }
}
