//! A few hundred seeds, in every test run; the binary plays as many as one likes.

use simulate::{Scenario, play, play_many};

#[test]
fn whatever_goes_wrong_the_laws_hold() {
    let (counts, found) = play_many(0..200, || false, |_| ());
    let told: Vec<String> = found
        .iter()
        .map(|found| format!("{}: {}", found.scenario.line(), found.findings.join("; ")))
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    assert_eq!(counts.schedules, 200);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        let scenario = Scenario::of(seed);
        assert_eq!(play(&scenario).trace, play(&scenario).trace, "seed {seed}");
    }
}

#[test]
fn another_seed_gives_another_trace() {
    assert_ne!(play(&Scenario::of(1)).trace, play(&Scenario::of(2)).trace);
}
