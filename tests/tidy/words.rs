//! Words that do not belong in the tree.

use super::tree::{File, Offence, says, told};

/// What is left for later, switched off or hushed, and what to do instead. The words are put
/// together here so that this file does not say them.
const LEFT_OVER: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "do it, or write it down as an issue or a documented limit"),
    (concat!("FIX", "ME"), "mend it, or write it down as an issue or a documented limit"),
    (concat!("X", "XX"), "say in a sentence what is odd here and why it stays"),
    (concat!("to", "do!"), "write the code, or leave the item out"),
    (concat!("unimpl", "emented!"), "write the code, or leave the item out"),
    (concat!("d", "bg!"), "take it out, or trace it"),
    (concat!("#[ig", "nore"), "a test runs or is not there"),
    (concat!("rust,", "ignore"), "let it compile, or call it `text`"),
    (concat!("```", "ignore"), "let it compile, or call it `text`"),
    (concat!("allow(dead", "_code"), "take the dead code out"),
];

/// A scenario runs identically under a coordinator and by reactions, so it has no word for either.
const WHO_COORDINATES: &[&str] = &["orchestrat", "choreograph"];

const SCENARIOS: &[&str] = &["examples/shop/src/scenarios", "tests/scenarios"];

/// Every place that says a word of [`LEFT_OVER`].
pub fn left_over(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files {
        for (number, line) in file.lines() {
            let said = LEFT_OVER.iter().filter(|(word, _)| says(line, word));
            offences.extend(
                said.map(|(word, instead)| file.offence(number, format!("`{word}`: {instead}"))),
            );
        }
    }
    offences
}

/// Every scenario that gives away who coordinates it.
pub fn partial_scenarios(files: &[File]) -> Vec<Offence> {
    let is_scenario = |file: &&File| SCENARIOS.iter().any(|folder| file.within(folder).is_some());
    let mut offences = Vec::new();
    for file in files.iter().filter(is_scenario) {
        for (number, line) in file.lines() {
            if let Some(word) = partial_word(line) {
                let advice = format!("`{word}`: a scenario runs under both, and names neither");
                offences.push(file.offence(number, advice));
            }
        }
    }
    offences
}

fn partial_word(line: &str) -> Option<&'static str> {
    let line = line.to_lowercase().replace('_', " ");
    let found = WHO_COORDINATES.iter().find(|word| line.contains(**word)).copied();
    found.or_else(|| says(&line, "mode").then_some("mode"))
}

#[test]
fn every_word_for_later_is_named() {
    for (word, instead) in LEFT_OVER {
        let text = format!("fine\n  {word} \n");
        let told = told(left_over, &[("docs/a.md", &text)]);
        assert_eq!(told, [format!("docs/a.md:2: `{word}`: {instead}")]);
    }
}

#[test]
fn a_longer_word_is_another_word() {
    let text = concat!("mktemp a.X", "XXXXX\nallow(dead_", "codes)\n");
    assert_eq!(told(left_over, &[("tests/run", text)]), [""; 0]);
}

#[test]
fn a_scenario_that_knows_its_mode_is_named() {
    let text = "let model = 1;\nif run_mode == 2 {}\n// Orchestrated only.\nChoreographed\n";
    let why = "a scenario runs under both, and names neither";
    assert_eq!(
        told(partial_scenarios, &[("tests/scenarios/a.rs", text)]),
        [
            format!("tests/scenarios/a.rs:2: `mode`: {why}"),
            format!("tests/scenarios/a.rs:3: `orchestrat`: {why}"),
            format!("tests/scenarios/a.rs:4: `choreograph`: {why}"),
        ]
    );
    assert_eq!(told(partial_scenarios, &[("examples/compare/src/main.rs", text)]), [""; 0]);
    assert_eq!(told(partial_scenarios, &[("examples/shop/src/scenarios/b.rs", text)]).len(), 3);
}
