//! When two runs in their worlds are the same, so that one of them need not be looked at.

use crate::node::Node;
use crate::world::{STEPS_MAX, World};
use ballet::clock::Time;
use ballet::saga::decide::Progress;
use ballet::saga::journal::Signal;
use ballet::saga::{Head, Shape, StepShape};

/// What two runs have in common that behave alike from here on.
pub type Key = [u64; STEPS_MAX + 1];
/// How much of what a key says of a step is known to the run.
const RUN_BITS: u32 = 24;

/// The key of a run in its world. Moments count from now, and what has passed has passed; attempts
/// count up to their bound, because delays are the same from the first one on. Steps that nothing but
/// their number tells apart are sorted.
pub fn key(shape: &Shape, node: &Node) -> Key {
    let state = &node.state;
    let mut key = [0; STEPS_MAX + 1];
    for (step, of_step) in key.iter_mut().take(shape.steps.len()).enumerate() {
        *of_step = key_of(shape, node, step);
    }
    sort_alike(shape, &node.world, &mut key);
    let mut bits = Bits::default();
    bits.flag(state.turned);
    let open = !state.turned && !state.is_committed(shape);
    // After the turn and after the pivot nobody asks for these.
    bits.flag(open && (state.cancelled || node.world.cancelled));
    bits.flag(open && state.late);
    bits.flag(node.world.operated);
    bits.moment(state.deadline(shape), node.now);
    bits.number(state.ended.map_or(0, |end| 1 + end as u64), 2);
    bits.flag(node.journal.facts.is_empty());
    key[STEPS_MAX] = bits.all;
    key
}

/// What of a key is known to the run itself, without what is true outside.
pub fn known_to_the_run(shape: &Shape, world: &World, mut key: Key) -> Key {
    for of_step in &mut key[..STEPS_MAX] {
        *of_step &= (1 << RUN_BITS) - 1;
    }
    sort_alike(shape, world, &mut key);
    key
}

fn sort_alike(shape: &Shape, world: &World, key: &mut Key) {
    for at in 1..shape.steps.len() {
        let mut at = at;
        while at > 0 && alike(shape, world, at - 1, at) && key[at - 1] > key[at] {
            key.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Whether nothing but their number tells two steps apart; see `plans::is_ordered`.
fn alike(shape: &Shape, world: &World, left: usize, right: usize) -> bool {
    let (a, b) = (&shape.steps[left], &shape.steps[right]);
    a.group == b.group
        && matches!(a.head, Head::Act | Head::Ask { .. })
        && world.needed[left] == world.needed[right]
        && StepShape { name: b.name, ..a.clone() } == *b
}

fn key_of(shape: &Shape, node: &Node, step: usize) -> u64 {
    let (line, site, state) = (&shape.steps[step], &node.world.sites[step], &node.state);
    let mut bits = Bits::default();
    bits.progress(line, state.steps[step], node.now);
    bits.number(state.rounds.get(&step).map_or(0, |round| u64::from(round + 1)), 2);
    bits.flag(state.attention.contains_key(&step));
    bits.number(state.signals.get(&step).map_or(0, |s| 1 + u64::from(is_yes(s))), 2);
    // Nobody asks for it but those who are told that there was nothing to take back.
    let compensating = matches!(state.steps[step], Progress::Compensating { .. });
    bits.flag(compensating && state.done.contains(&step));
    assert_eq!(bits.used, RUN_BITS, "what the run knows stands first");
    bits.number(site.truth as u64, 3);
    bits.number(u64::from(site.settled), 2);
    bits.number(site.forward.map_or(0, |round| u64::from(round + 1)), 2);
    bits.number(site.back.map_or(0, |round| u64::from(round + 1)), 2);
    bits.flag(site.heeded);
    bits.number(site.running.map_or(0, |way| 1 + way as u64), 2);
    bits.number(site.said.map_or(0, |yes| 1 + u64::from(yes)), 2);
    bits.flag(site.unknown);
    bits.flag(site.by_hand);
    let matters = site.back.is_none() && (site.said.is_none() || site.unknown);
    let quiet = site.until.filter(|_| matters).map(|time| time.after(shape.margin));
    bits.moment(quiet, node.now);
    bits.all
}

fn is_yes(signal: &Signal) -> bool {
    matches!(signal, Signal::Yes(_))
}

/// Small numbers side by side.
#[derive(Default)]
struct Bits {
    all: u64,
    used: u32,
}

impl Bits {
    fn number(&mut self, number: u64, width: u32) {
        assert!(number < 1 << width && self.used + width <= 64, "{number} in {width} bits");
        self.all |= number << self.used;
        self.used += width;
    }

    fn flag(&mut self, flag: bool) {
        self.number(u64::from(flag), 1);
    }

    /// How long until then: nothing if it has passed.
    fn moment(&mut self, then: Option<Time>, now: Time) {
        let left = |then: Time| u64::try_from(then.since(now).as_micros()).unwrap_or(u64::MAX);
        self.number(then.map_or(15, left), 4);
    }

    fn progress(&mut self, line: &StepShape, progress: Progress, now: Time) {
        let attempts =
            |attempts: u32, most: Option<u32>| u64::from(attempts.min(most.unwrap_or(1)));
        let number = match progress {
            Progress::Waiting => 0,
            Progress::Skipped => 1,
            Progress::InFlight { .. } => 2,
            Progress::Done => 3,
            Progress::Refused { .. } => 4,
            Progress::Dropped => 5,
            Progress::Unknown { .. } => 6,
            Progress::Compensating { .. } => 7,
            Progress::Compensated { made } => 8 + u64::from(made),
        };
        self.number(number, 4);
        match progress {
            Progress::InFlight { round, attempts: at, last, until, faulted, overdue } => {
                self.number(u64::from(round), 2);
                self.number(attempts(at, line.retry.most()), 2);
                let again = last.after(line.retry.delay(at));
                self.moment(Some(again).filter(|_| line.head != Head::Hear), now);
                self.moment(until.filter(|_| !overdue), now);
                self.flag(faulted);
                self.flag(overdue);
            }
            Progress::Compensating { round, attempts: at, last, faulted } => {
                self.number(u64::from(round), 2);
                self.number(attempts(at, line.patience.most()), 2);
                self.moment(Some(last.after(line.patience.delay(at))), now);
                self.flag(faulted);
                self.number(0, 5);
            }
            Progress::Refused { round } => self.number(u64::from(round), 14),
            Progress::Unknown { ready } => {
                self.moment(Some(ready), now);
                self.number(0, 10);
            }
            _ => self.number(0, 14),
        }
    }
}
