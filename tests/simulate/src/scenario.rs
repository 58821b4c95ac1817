//! A scenario: a world, what clients do in it and what goes wrong, all drawn from one seed.
//!
//! It is a plain value. Whatever clients do and whatever goes wrong can be left out, one by one, so a scenario
//! that fails can be made smaller; the line that plays it again is the seed and what is left out.

use crate::cast::plans::{NAMES, Told};
use crate::cast::{bank, notes};
use crate::dice::Dice;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A process is killed, and started again later.
    Crash,
    /// It dies right before a commit.
    CrashAtCommit,
    /// It dies right after one.
    CrashCommitted,
    /// It dies when its messages are in the log.
    CrashProduced,
    /// It stands still for a while, and goes on as a zombie.
    Pause,
    /// The same right before a commit, with its transaction open.
    PauseAtCommit,
    /// It dies when it has taken a lane.
    CrashTaken,
    /// It does not reach the store.
    CutFromStore,
    /// It does not reach the broker.
    CutFromBroker,
    /// The clock of the database leaps.
    Skew,
    /// Every call to store and broker is slow.
    Slow,
    /// Messages come more than once.
    Duplicate,
    /// Everything that was ever said comes once more.
    ReplayAll,
    /// Topics overtake each other.
    Reorder,
    /// A process comes, and goes again.
    Rebalance,
    /// Messages are in the log, and nobody is told.
    LostAcknowledgement,
    /// Messages are not taken by the log.
    ProduceFails,
    /// Nobody knows whether a batch was committed; it was.
    CommitUnknown,
    /// A batch is not committed: the disk fails.
    DiskError,
    /// A batch cannot be begun.
    BeginFails,
    /// It is not written down that messages have reached the broker, or nobody knows.
    MarkFails,
    /// Whoever asked is not told that it was written down.
    EntryUnknown,
    /// Bytes that are no message, and a message that nobody can read.
    Poison,
    /// Processes are started again with another plan.
    Deploy,
    /// An operator does something to a run.
    Operate,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Crash,
        Self::CrashAtCommit,
        Self::CrashCommitted,
        Self::CrashProduced,
        Self::Pause,
        Self::PauseAtCommit,
        Self::CrashTaken,
        Self::CutFromStore,
        Self::CutFromBroker,
        Self::Skew,
        Self::Slow,
        Self::Duplicate,
        Self::ReplayAll,
        Self::Reorder,
        Self::Rebalance,
        Self::LostAcknowledgement,
        Self::ProduceFails,
        Self::CommitUnknown,
        Self::DiskError,
        Self::BeginFails,
        Self::MarkFails,
        Self::EntryUnknown,
        Self::Poison,
        Self::Deploy,
        Self::Operate,
    ];
}

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Harm {
    /// When, in milliseconds.
    pub at: u64,
    /// What.
    pub kind: Kind,
    /// To which process.
    pub process: usize,
    /// For how long, in milliseconds.
    pub lasts: u64,
    /// Whatever else is drawn for it.
    pub draw: u64,
}

/// What a client does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Begins a run of the drawn saga.
    Begin(u64),
    /// Signals a step of it, yes or no.
    Signal(u64, &'static str, bool),
    /// Cancels it.
    CancelRun(u64),
    /// Moves money by the transfer of this shape.
    Move {
        /// Its number.
        n: u64,
        /// Which of the three.
        shape: u64,
        /// Out of, beside, and into which accounts.
        accounts: [usize; 3],
        /// How much.
        cents: i64,
    },
    /// Orders.
    Order(u64),
    /// Packs what was ordered.
    Pack(u64),
    /// Cancels an order.
    Cancel(u64),
    /// Has the next number of a key said.
    Note(u64, &'static str),
}

/// What clients do, with its time in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    /// When.
    pub at: u64,
    /// What.
    pub act: Act,
}

/// What is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plays {
    /// The saga with drawn plans.
    pub drawn: bool,
    /// The bank.
    pub bank: bool,
    /// The choreography.
    pub counter: bool,
    /// Numbers and a view.
    pub notes: bool,
}

/// A scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its seed.
    pub seed: u64,
    /// How many lanes every group has.
    pub lanes: u32,
    /// How many processes there are.
    pub instances: usize,
    /// Whether the first process serves sagas alone, and the others everything else.
    pub is_split: bool,
    /// The largest batch.
    pub batch: usize,
    /// What is played.
    pub plays: Plays,
    /// The plans of the drawn saga, before and after a deploy.
    pub plans: [Told; 2],
    /// What clients do, in order.
    pub acts: Vec<Timed>,
    /// What goes wrong, in order.
    pub harms: Vec<Harm>,
    /// What is left out of both.
    pub without: Without,
}

/// What is left out, by its number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Without {
    /// Of what goes wrong.
    pub harms: BTreeSet<usize>,
    /// Of what clients do.
    pub acts: BTreeSet<usize>,
}

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let plays = plays(&mut dice);
        let instances = 1 + usize::try_from(dice.roll(3)).unwrap_or(0);
        let lasts = 4_000 + dice.roll(16_000);
        let plans = [Told::draw(&mut dice), Told::draw(&mut dice)];
        let mut acts = Vec::new();
        for n in 0..4 + dice.roll(12) {
            let at = dice.roll(lasts);
            some_acts(&mut dice, plays, n, at, &mut acts);
        }
        acts.sort_by_key(|timed| timed.at);
        let many = 1 + dice.roll(12);
        let mut harms: Vec<Harm> = (0..many).map(|_| harm(&mut dice, instances, lasts)).collect();
        harms.sort_by_key(|harm| harm.at);
        Self {
            seed,
            lanes: u32::try_from(1 + dice.roll(4)).unwrap_or(1),
            instances,
            is_split: instances > 1 && (plays.drawn || plays.bank) && dice.one_in(3),
            batch: dice.pick(&[1, 3, 500, 500]),
            plays,
            plans,
            acts,
            harms,
            without: Without::default(),
        }
    }

    /// What goes wrong and is not left out, each with its number.
    pub fn harms(&self) -> impl Iterator<Item = (usize, &Harm)> {
        self.harms.iter().enumerate().filter(|(at, _)| !self.without.harms.contains(at))
    }

    /// What clients do and is not left out, each with its number.
    pub fn acts(&self) -> impl Iterator<Item = (usize, &Timed)> {
        self.acts.iter().enumerate().filter(|(at, _)| !self.without.acts.contains(at))
    }

    /// The same with something left out.
    #[must_use]
    pub fn without(&self, without: Without) -> Self {
        Self { without, ..self.clone() }
    }
}

fn plays(dice: &mut Dice) -> Plays {
    let mut plays = Plays { drawn: false, bank: false, counter: false, notes: false };
    for _ in 0..1 + dice.roll(2) {
        match dice.roll(6) {
            0..=2 => plays.drawn = true,
            3 => plays.bank = true,
            4 => plays.counter = true,
            _ => plays.notes = true,
        }
    }
    plays
}

fn some_acts(dice: &mut Dice, plays: Plays, n: u64, at: u64, acts: &mut Vec<Timed>) {
    let mut later = |dice: &mut Dice, act| {
        let at = at + dice.roll(8_000);
        acts.push(Timed { at, act });
    };
    if plays.drawn {
        for name in NAMES {
            if dice.one_in(2) {
                let yes = !dice.one_in(6);
                later(dice, Act::Signal(n, name, yes));
            }
        }
        if dice.one_in(6) {
            later(dice, Act::CancelRun(n));
        }
    }
    if plays.counter {
        if !dice.one_in(4) {
            later(dice, Act::Pack(n));
        }
        if dice.one_in(3) {
            later(dice, Act::Cancel(n));
        }
    }
    let mut first = |act| acts.push(Timed { at, act });
    if plays.drawn {
        first(Act::Begin(n));
    }
    if plays.counter {
        first(Act::Order(n));
    }
    if plays.notes {
        first(Act::Note(n, dice.pick(&notes::KEYS)));
    }
    if plays.bank {
        let many = bank::NAMES.len() as u64;
        let mut account = || usize::try_from(dice.roll(many)).unwrap_or(0);
        let accounts = [account(), account(), account()];
        let cents = i64::try_from(1 + dice.roll(400)).unwrap_or(1);
        first(Act::Move { n, shape: dice.roll(3), accounts, cents });
    }
}

fn harm(dice: &mut Dice, instances: usize, lasts: u64) -> Harm {
    Harm {
        at: dice.roll(lasts),
        kind: dice.pick(&Kind::ALL),
        process: usize::try_from(dice.roll(instances as u64)).unwrap_or(0),
        lasts: 200 + dice.roll(4_000),
        draw: dice.next(),
    }
}

impl fmt::Display for Without {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (letter, numbers) in [('h', &self.harms), ('a', &self.acts)] {
            if !numbers.is_empty() {
                let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
                write!(f, "/{letter}{}", numbers.join("."))?;
            }
        }
        Ok(())
    }
}

impl Scenario {
    /// The line that plays it again.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}{}", self.seed, self.without)
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let told = || format!("`{line}` is no line to replay: it is as `17` or `17/h0.3/a2`");
        let mut parts = line.trim().split('/');
        let seed = parts.next().and_then(|seed| seed.parse().ok()).ok_or_else(told)?;
        let mut scenario = Self::of(seed);
        for part in parts {
            let (letter, numbers) = part.split_at_checked(1).ok_or_else(told)?;
            let numbers: Result<BTreeSet<usize>, _> = numbers.split('.').map(str::parse).collect();
            let numbers = numbers.map_err(|_| told())?;
            match letter {
                "h" => scenario.without.harms = numbers,
                "a" => scenario.without.acts = numbers,
                _ => return Err(told()),
            }
        }
        Ok(scenario)
    }
}

impl fmt::Display for Scenario {
    /// What is played, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, lanes, instances, is_split, batch, plays, plans, .. } = self;
        writeln!(f, "seed {seed}: {instances} processes, {lanes} lanes, batches of {batch}")?;
        let split = if *is_split { "; the first serves sagas alone" } else { "" };
        writeln!(f, "{plays:?}{split}")?;
        if plays.drawn {
            for (version, told) in (1..).zip(plans) {
                let Told { pivot, begun_back, within, .. } = told;
                writeln!(
                    f,
                    "plan {version}: pivot {pivot:?}, begun back {begun_back}, within {within:?}"
                )?;
                for line in &told.lines {
                    writeln!(f, "  {line:?}")?;
                }
            }
        }
        for (at, Timed { at: when, act }) in self.acts() {
            writeln!(f, "a{at} at {when} ms: {act:?}")?;
        }
        for (at, Harm { at: when, kind, process, lasts, .. }) in self.harms() {
            writeln!(f, "h{at} at {when} ms: {kind:?} of process {process} for {lasts} ms")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Scenario, Without};

    #[test]
    fn a_scenario_is_the_same_when_its_line_is_read_again() {
        for seed in 0..50 {
            let without = Without { harms: [0, 3].into(), acts: [1].into() };
            let scenario = Scenario::of(seed).without(without);
            assert_eq!(scenario.line().parse(), Ok(scenario));
        }
    }

    #[test]
    fn what_is_no_line_is_named_so() {
        for line in ["", "x", "1/", "1/h", "1/x2", "1/h1,2"] {
            let told = line.parse::<Scenario>().expect_err(line);
            assert!(told.contains("is no line to replay"), "{told}");
        }
    }
}
