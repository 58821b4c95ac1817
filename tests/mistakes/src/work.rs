//! All mistakes through all layers.

use crate::Failed;
use crate::layers::Layers;
use crate::mistake::{Layer, Row};
use crate::schedules::{self, Simulation};
use crate::trial::{self, Ended};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

/// A layer, and what is known of it once it was run without a mistake.
pub struct Bench<'a> {
    layers: &'a Layers,
    layer: Layer,
    known: OnceLock<Result<Known, String>>,
}

/// A layer that passes without a mistake.
struct Known {
    tests: BTreeSet<String>,
    /// How long it may take with a mistake.
    budget: Duration,
}

/// Who caught a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caught {
    By { layer: Layer, ended: Ended, after: Duration },
    ByNobody,
}

/// What came of one mistake.
#[derive(Debug, Clone)]
pub struct Found<'a> {
    pub row: &'a Row,
    pub caught: Caught,
    /// After how many schedules the simulation found something; `None` if it did not, or was not asked.
    pub schedules: Option<u64>,
}

/// Longer than any layer takes.
const FOR_EVER: Duration = Duration::from_secs(3600);

impl<'a> Bench<'a> {
    /// All layers, the cheapest first.
    pub fn all(layers: &'a Layers) -> Vec<Self> {
        let bench = |layer: &Layer| Self { layers, layer: *layer, known: OnceLock::new() };
        layers.all.iter().map(bench).collect()
    }

    /// Runs the layer without a mistake before it is asked about the first one. It must pass, or whoever fails
    /// with a mistake proves nothing.
    fn known(&self) -> Result<&Known, String> {
        let known = self.known.get_or_init(|| self.measure().map_err(|told| told.to_string()));
        known.as_ref().map_err(Clone::clone)
    }

    fn measure(&self) -> Result<Known, Failed> {
        let Self { layers, layer, .. } = self;
        let (name, tests) = (layer.name(), trial::tests(layers.command(*layer))?);
        if tests.is_empty() {
            return Err(format!("layer {name} has no tests").into());
        }
        let (ended, took) = trial::run(layers.command(*layer), None, &tests, FOR_EVER)?;
        if ended != Ended::Passed {
            return Err(format!("without a mistake layer {name} must pass: {ended:?}").into());
        }
        // Others run beside it then, and whoever makes a mistake may take longer than whoever makes none.
        let budget = took * 4 + Duration::from_secs(20);
        let (count, seconds) = (tests.len(), took.as_secs_f64());
        eprintln!("{name}: {count} tests pass in {seconds:.1} s, budget {} s", budget.as_secs());
        Ok(Known { tests, budget })
    }
}

/// Tries the mistakes, so many at a time, and says what came of each, in their order.
pub fn through<'a>(
    (benches, simulation): (&[Bench<'_>], Option<&Simulation>),
    asked: &[&'a Row],
    threads: usize,
) -> Result<Vec<Found<'a>>, String> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Ok(Vec::new())));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(row) = asked.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let caught = one(benches, row).and_then(|caught| {
                        let first = simulation.map(|simulation| simulation.first(Some(row.name)));
                        let first = first.transpose().map_err(|told| told.to_string())?;
                        Ok((caught, first.flatten()))
                    });
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    note(&mut done, row, caught, asked.len());
                    if done.is_err() {
                        next.store(asked.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut found = done.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    found.sort_by_key(|found| asked.iter().position(|row| row.name == found.row.name));
    Ok(found)
}

/// Adds what came of a mistake, or that a layer does not even pass without one.
fn note<'a>(
    done: &mut Result<Vec<Found<'a>>, String>,
    row: &'a Row,
    caught: Result<(Caught, Option<u64>), String>,
    all: usize,
) {
    match (done.as_mut(), caught) {
        (Ok(found), Ok((caught, schedules))) => {
            let (number, name) = (found.len() + 1, row.name);
            let simulation = schedules::told(schedules);
            eprintln!("{number}/{all}  {name}: {}; simulation: {simulation}", told(&caught));
            found.push(Found { row, caught, schedules });
        }
        (Ok(_), Err(wrong)) => *done = Err(wrong),
        (Err(_), _) => {}
    }
}

/// First who is expected to catch it, then the others.
fn one(benches: &[Bench<'_>], row: &Row) -> Result<Caught, String> {
    let (expected, others): (Vec<_>, Vec<_>) =
        benches.iter().partition(|bench| bench.layer == row.layer);
    for bench in expected.into_iter().chain(others) {
        let (Known { tests, budget }, layer) = (bench.known()?, bench.layer);
        let unrun = |told: Failed| format!("layer {}: {told}", layer.name());
        let command = bench.layers.command(layer);
        let (ended, after) = trial::run(command, Some(row.name), tests, *budget).map_err(unrun)?;
        match ended {
            Ended::Passed => {}
            Ended::Failed(test) if !fails_again(bench, row, &test, *budget).map_err(unrun)? => {
                eprintln!("{}: `{test}` has failed once, and did not again", row.name);
            }
            ended => return Ok(Caught::By { layer, ended, after }),
        }
    }
    Ok(Caught::ByNobody)
}

/// Whether a test that has failed with a mistake fails with it alone too, and not by chance.
fn fails_again(bench: &Bench<'_>, row: &Row, test: &str, budget: Duration) -> Result<bool, Failed> {
    let mut command = bench.layers.binary(bench.layer);
    command.args(["--exact", test]);
    let tests = BTreeSet::from([test.to_owned()]);
    let (ended, _) = trial::run(command, Some(row.name), &tests, budget)?;
    Ok(ended != Ended::Passed)
}

/// Who caught it, in words.
pub fn told(caught: &Caught) -> String {
    let Caught::By { layer, ended, after } = caught else { return "nobody".to_owned() };
    let (layer, seconds) = (layer.name(), after.as_secs_f64());
    match ended {
        Ended::Failed(test) => format!("{layer}, `{test}`, {seconds:.1} s"),
        Ended::Endless(test) => format!("{layer}, `{test}` does not end within {seconds:.0} s"),
        Ended::Died(test) => format!("{layer}, the process dies in `{test}`, {seconds:.1} s"),
        Ended::Passed => format!("{layer}, nobody"),
    }
}
