//! What a run has met, as a table, and what it has not met and had to.

use simulate::{Counts, Found, KINDS_LEAST, Kind, SCHEDULES_TO_MEET_ALL, Scenario, TRANSITIONS};
use std::fmt::Write;
use std::time::Duration;

/// Everything that happened, as a table.
pub fn summary(counts: &Counts, took: Duration) -> String {
    let Counts { schedules, commits, runs, harms, transitions } = counts;
    let mut text = String::new();
    #[allow(clippy::cast_precision_loss)] // Nobody reads that many digits.
    let pace = *schedules as f64 / took.as_secs_f64().max(0.001);
    let _ =
        writeln!(text, "{schedules} schedules in {:.1} s, {pace:.0} a second", took.as_secs_f64());
    let _ = writeln!(text, "{runs} runs, {commits} commits\n\nwhat went wrong");
    for kind in Kind::ALL {
        let times = harms.get(&kind).copied().unwrap_or_default();
        let _ = writeln!(text, "{times:>10}  {kind:?}");
    }
    let _ =
        writeln!(text, "\ntransitions of `decide`: how far a step was, and what was written down");
    for ((from, what), times) in transitions {
        let _ = writeln!(text, "{times:>10}  {from}: {what}");
    }
    text
}

/// What a run of so many schedules had to meet, and has not.
pub fn missed(counts: &Counts) -> Vec<String> {
    if counts.schedules < SCHEDULES_TO_MEET_ALL {
        return Vec::new();
    }
    let rare = Kind::ALL.into_iter().filter_map(|kind| {
        let times = counts.harms.get(&kind).copied().unwrap_or_default();
        (times < KINDS_LEAST)
            .then(|| format!("{kind:?} happened {times} times, and {KINDS_LEAST} are due"))
    });
    let absent = TRANSITIONS.iter().filter(|of| !counts.transitions.contains_key(*of));
    rare.chain(absent.map(|(from, what)| format!("`{from}: {what}` never happened"))).collect()
}

/// What was found, and how to see it again.
pub fn finding(found: &Found, least: &Scenario) -> String {
    let mut text = format!("\nseed {} was found wrong:\n", found.scenario.seed);
    for finding in &found.findings {
        let _ = writeln!(text, "  {finding}");
    }
    let _ = writeln!(text, "with as little as possible:\n{least}");
    let _ = writeln!(text, "cargo run -p simulate --release -- --replay {}", least.line());
    text
}
