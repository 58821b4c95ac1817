//! The figures of a run: a table for people, and the same as JSON.

use super::crowd::Known;
use super::harm::Harm;
use super::reckoning::ended;
use ballet::clock::Time;
use serde_json::{Value, json};
use shop::audit::Books;
use shop::contracts::Ending;
use shop::orders::Row;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The middle, what 19 of 20 are below, and the most, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spread {
    count: usize,
    p50: f64,
    p95: f64,
    max: f64,
}

impl Spread {
    fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        let Some(last) = all.len().checked_sub(1) else { return Self::default() };
        let at = |share: usize| all[last * share / 100];
        Self { count: all.len(), p50: at(50), p95: at(95), max: all[last] }
    }

    fn json(&self) -> Value {
        json!({"count": self.count, "p50": self.p50, "p95": self.p95, "max": self.max})
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, p50, p95, max } = self;
        write!(f, "{p50:.1} / {p95:.1} / {max:.1} ({count})")
    }
}

/// What a kind of fault did.
#[derive(Debug, Default)]
struct Toll {
    times: usize,
    in_flight: Vec<f64>,
    next_end: Vec<f64>,
    recovery: Vec<f64>,
}

/// The figures of a run.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) example: &'static str,
    pub(super) seed: u64,
    pub(super) lasted: Duration,
    pub(super) outcomes: BTreeMap<String, usize>,
    tolls: BTreeMap<&'static str, Toll>,
    /// How many purchases each fault found in flight, by the books.
    pub(super) flights: Vec<usize>,
    pub(super) starts: usize,
    pub(super) unanswered: u64,
    took: Spread,
    pub(super) wrong: Vec<String>,
}

/// An order as its customer and the books know it.
struct Life {
    acknowledged: Time,
    ended: Time,
    waits: bool,
}

fn lives(known: &Known, books: &Books) -> Vec<Life> {
    let life = |(order, bought): (&String, &super::crowd::Bought)| {
        let ended = books.orders.get(order).and_then(ended)?;
        // Who was to say so may have been killed between the order's end and the acknowledgement.
        Some(Life { acknowledged: bought.at, ended, waits: bought.kind.waits() })
    };
    known.bought.iter().filter_map(life).collect()
}

impl Toll {
    /// Adds a fault, and says how many purchases it has found in flight.
    fn add(&mut self, harm: &Harm, lives: &[Life]) -> usize {
        let is_open = |life: &&Life| life.acknowledged <= harm.at && life.ended > harm.at;
        let found: Vec<&Life> = lives.iter().filter(is_open).collect();
        self.times += 1;
        #[allow(clippy::cast_precision_loss)]
        self.in_flight.push(found.len() as f64);
        let next = lives.iter().map(|life| life.ended).filter(|ended| *ended > harm.at).min();
        self.next_end.extend(next.map(|next| next.since(harm.at).as_secs_f64()));
        let last = found.iter().filter(|life| !life.waits).map(|life| life.ended).max();
        if let Some(last) = last.filter(|_| !harm.is_hurried) {
            self.recovery.push(last.since(harm.mended).as_secs_f64());
        }
        found.len()
    }
}

/// How an order has ended, in words.
fn outcome(row: &Row) -> String {
    match &row.ending {
        Some(Ending::Cancelled { reason }) => format!("cancelled: {}", reason.code()),
        _ => row.order.status.name().to_owned(),
    }
}

impl Report {
    pub(super) fn of(
        (example, seed, lasted): (&'static str, u64, Duration),
        known: &Known,
        books: &Books,
        harms: &[Harm],
    ) -> Self {
        let lives = lives(known, books);
        let (mut tolls, mut outcomes) = (BTreeMap::<_, Toll>::new(), BTreeMap::new());
        let mut flights = Vec::new();
        for harm in harms {
            flights.push(tolls.entry(harm.fault.kind()).or_default().add(harm, &lives));
        }
        for row in books.orders.values() {
            *outcomes.entry(outcome(row)).or_default() += 1;
        }
        let took = lives.iter().filter(|life| !life.waits);
        let took = took.map(|life| life.ended.since(life.acknowledged).as_secs_f64());
        let took = Spread::of(took.collect());
        let (unanswered, starts, wrong) = (known.unanswered, 0, Vec::new());
        Self { example, seed, lasted, outcomes, tolls, flights, starts, unanswered, took, wrong }
    }

    fn all(&self, of: impl Fn(&Toll) -> &Vec<f64>) -> Spread {
        Spread::of(self.tolls.values().flat_map(|toll| of(toll).iter().copied()).collect())
    }

    pub(super) fn json(&self) -> Value {
        let faults: BTreeMap<_, _> = self
            .tolls
            .iter()
            .map(|(kind, toll)| {
                let figures = json!({
                    "times": toll.times,
                    "in_flight": Spread::of(toll.in_flight.clone()).json(),
                    "next_end_s": Spread::of(toll.next_end.clone()).json(),
                    "recovery_s": Spread::of(toll.recovery.clone()).json(),
                });
                (*kind, figures)
            })
            .collect();
        json!({
            "mode": self.example,
            "seed": self.seed,
            "seconds": self.lasted.as_secs_f64(),
            "purchases": self.outcomes,
            "faults": faults,
            "starts": self.starts,
            "unanswered": self.unanswered,
            "took_s": self.took.json(),
            "next_end_s": self.all(|toll| &toll.next_end).json(),
            "recovery_s": self.all(|toll| &toll.recovery).json(),
            "violations": self.wrong,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (example, seed, lasted) = (self.example, self.seed, self.lasted.as_secs_f64() / 60.0);
        writeln!(f, "{example}, seed {seed}, {lasted:.1} minutes\n")?;
        writeln!(
            f,
            "{:<28} {:>5}  {:<22} {:<24} until all had ended",
            "fault", "times", "in flight", "until the next end"
        )?;
        for (kind, toll) in &self.tolls {
            let in_flight = Spread::of(toll.in_flight.clone());
            let in_flight =
                format!("{:.0} / {:.0} / {:.0}", in_flight.p50, in_flight.p95, in_flight.max);
            let next_end = Spread::of(toll.next_end.clone()).to_string();
            let recovery = Spread::of(toll.recovery.clone());
            writeln!(f, "{kind:<28} {:>5}  {in_flight:<22} {next_end:<24} {recovery}", toll.times)?;
        }
        let (next_end, recovery) =
            (self.all(|toll| &toll.next_end), self.all(|toll| &toll.recovery));
        let times: usize = self.tolls.values().map(|toll| toll.times).sum();
        writeln!(
            f,
            "{:<28} {times:>5}  {:<22} {:<24} {recovery}\n",
            "all",
            "",
            next_end.to_string()
        )?;
        writeln!(f, "p50 / p95 / most (of how many); seconds, but for what is in flight\n")?;
        for (outcome, count) in &self.outcomes {
            writeln!(f, "{outcome:<28} {count:>5}")?;
        }
        writeln!(f, "{:<28} {:>5}", "purchases", self.outcomes.values().sum::<usize>())?;
        writeln!(f, "took, in seconds: {}", self.took)?;
        writeln!(f, "requests said again because nobody answered: {}", self.unanswered)?;
        writeln!(f, "processes started: {}", self.starts)?;
        write!(f, "violations: {}", self.wrong.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::harm::Harm;
    use super::super::plan::Fault;
    use super::{Life, Spread, Toll};
    use ballet::clock::Time;

    fn at(second: i64) -> Time {
        Time::from_micros(second * 1_000_000)
    }

    #[test]
    fn a_fault_finds_what_was_acknowledged_before_it_and_ended_after_it() {
        let life = |acknowledged, ended, waits| Life {
            acknowledged: at(acknowledged),
            ended: at(ended),
            waits,
        };
        let lives = [
            life(1, 5, false),
            life(8, 13, false),
            life(9, 17, false),
            life(9, 40, true),
            life(11, 30, false),
        ];
        let harm = Harm {
            fault: Fault::Kill(0),
            told: String::new(),
            at: at(10),
            mended: at(12),
            is_hurried: false,
        };
        let mut toll = Toll::default();
        assert_eq!(toll.add(&harm, &lives), 3);
        assert_eq!((toll.next_end.clone(), toll.recovery.clone()), (vec![3.0], vec![5.0]));
        toll.add(&Harm { is_hurried: true, ..harm }, &lives);
        assert_eq!((toll.times, toll.recovery), (2, vec![5.0]));
    }

    #[test]
    fn a_spread_has_its_middle_and_its_end() {
        let spread = Spread::of((1..=100).map(f64::from).collect());
        assert_eq!(spread.to_string(), "50.0 / 95.0 / 100.0 (100)");
        assert_eq!(Spread::of(Vec::new()).to_string(), "0.0 / 0.0 / 0.0 (0)");
    }
}
