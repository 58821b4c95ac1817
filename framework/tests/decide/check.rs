//! Runs the search over many plans, side by side, and reports.

use crate::explore::{Seen, Thoroughness, Violation, explore};
use crate::plans::{Kind, Sketch, Timing, groupings};
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// With and without what began the run, with and without a deadline, in both timings.
pub fn all_variants(steps: usize, kinds: &[Kind]) -> Vec<Sketch> {
    sketches(steps, kinds, |_| (0..8).collect())
}

/// Two variants that differ in all three, and other ones from plan to plan.
pub fn two_variants(steps: usize, kinds: &[Kind]) -> Vec<Sketch> {
    sketches(steps, kinds, |plan| vec![plan % 8, 7 - plan % 8])
}

/// One variant, and another one from plan to plan.
pub fn one_variant(steps: usize, kinds: &[Kind]) -> Vec<Sketch> {
    sketches(steps, kinds, |plan| vec![plan % 8])
}

fn sketches(steps: usize, kinds: &[Kind], variants: impl Fn(usize) -> Vec<usize>) -> Vec<Sketch> {
    let mut sketches = Vec::new();
    for (plan, groups) in groupings(steps, kinds).into_iter().enumerate() {
        for variant in variants(plan) {
            let timing = match variant & 4 {
                0 => Timing::TimeUp,
                _ => Timing::AttemptsSpent,
            };
            let (begun, deadline) = (variant & 1 == 1, variant & 2 == 2);
            sketches.push(Sketch { begun, deadline, timing, groups: groups.clone() });
        }
    }
    sketches
}

/// Every answer to which steps are needed. With four steps all are: without one it is a plan of three.
fn needs(sketch: &Sketch) -> Vec<Vec<bool>> {
    let shape = sketch.shape();
    let mut needs: Vec<Vec<bool>> = vec![Vec::new()];
    for step in &shape.steps {
        let answers: &[bool] = match step.sometimes && sketch.len() < 4 {
            true => &[true, false],
            false => &[true],
        };
        let longer = |need: &Vec<bool>| {
            let need = need.clone();
            answers.iter().map(move |answer| [&need[..], &[*answer]].concat()).collect::<Vec<_>>()
        };
        needs = needs.iter().flat_map(longer).collect();
    }
    needs
}

/// Holds every plan against the laws, prints how much was seen, and fails with the first violation.
#[track_caller]
pub fn check(sketches: &[Sketch], how: Thoroughness) {
    let total = Mutex::new(Seen::default());
    let watch = Stopwatch::start();
    let violation = side_by_side(sketches, |sketch, needed| {
        let seen = explore(&sketch.shape(), needed, how).map_err(|broken| told(sketch, &broken))?;
        let mut total = total.lock().expect("nobody panics with it");
        total.states += seen.states;
        total.transitions += seen.transitions;
        total.farthest = total.farthest.max(seen.farthest);
        Ok(())
    });
    let Seen { states, transitions, farthest, .. } = total.into_inner().expect("all are done");
    let steps = sketches.first().map_or(0, Sketch::len);
    say(&format!(
        "{} plans of {steps} steps: {states} states, {transitions} transitions, at most {farthest} \
         turns from rest when all goes well, {:.1} s",
        sketches.len(),
        watch.seconds()
    ));
    if let Some(violation) = violation {
        panic!("{violation}");
    }
}

/// Checks that runs go through the same whether participants take commands by themselves or when
/// their answer is delivered.
#[track_caller]
pub fn compare(sketches: &[Sketch]) {
    let difference = side_by_side(sketches, |sketch, needed| {
        let lives = |apart| {
            let how = Thoroughness {
                apart,
                thorough: true,
                stale: true,
                lives: true,
                ..Thoroughness::default()
            };
            explore(&sketch.shape(), needed, how).map_err(|broken| told(sketch, &broken))
        };
        let (apart, at_once) = (lives(true)?.lives, lives(false)?.lives);
        match apart == at_once {
            true => Ok(()),
            false => Err(format!("{sketch}: {} states and {}", apart.len(), at_once.len())),
        }
    });
    if let Some(difference) = difference {
        panic!("{difference}");
    }
}

fn told(sketch: &Sketch, broken: &Violation) -> String {
    let Violation { law, how, path } = broken;
    format!("plan: {sketch}\nbroken: {law}: {how}\n\n{path}")
}

/// Tries the plans on all cores, short ones first; the first failure in the order of the plans.
fn side_by_side(
    sketches: &[Sketch],
    try_one: impl Fn(&Sketch, &[bool]) -> Result<(), String> + Sync,
) -> Option<String> {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<(usize, String)>> = Mutex::new(None);
    let work = || loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some(sketch) = sketches.get(at) else { return };
        let mut tried = needs(sketch).into_iter().map(|needed| try_one(sketch, &needed));
        if let Some(how) = tried.find_map(Result::err) {
            next.store(sketches.len(), Ordering::Relaxed);
            let mut failed = failed.lock().expect("nobody panics with it");
            if failed.as_ref().is_none_or(|(earlier, _)| at < *earlier) {
                *failed = Some((at, how));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    failed.into_inner().expect("all are done").map(|(_, how)| how)
}

/// Says it even when the test passes and its output is kept back.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// How long it took: for people, nothing is decided by it.
struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[allow(clippy::disallowed_methods)] // The check itself takes real time.
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
