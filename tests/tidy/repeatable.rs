//! What would make two runs of the same story differ.

use super::code::{code, test_files};
use super::tree::{File, Offence, says, told};

/// Names with a will of their own, and whom to ask instead.
const SURPRISES: &[(&str, &str)] = &[
    ("SystemTime::now", "ask the `Clock`"),
    ("Instant::now", "ask the `Clock`"),
    ("Uuid::new_v4", "ids are made in `id.rs`"),
    ("Uuid::now_v7", "ids are made in `id.rs`"),
    ("HashMap", "its order changes from run to run: take a `BTreeMap`"),
    ("HashSet", "its order changes from run to run: take a `BTreeSet`"),
];

/// Where time and ids come from.
const SOURCES: &[&str] = &["framework/src/clock.rs", "framework/src/id.rs"];

/// Every place of the framework where a run could live another life than the one before.
pub fn surprises(files: &[File]) -> Vec<Offence> {
    let tests = test_files(files);
    let mut offences = Vec::new();
    for file in files {
        let ours = file.within("framework/src").is_some() && file.is_rust();
        if !ours || tests.contains(&file.path) || SOURCES.contains(&file.path.as_str()) {
            continue;
        }
        for (number, line) in (1..).zip(code(&file.text).lines()) {
            let found = SURPRISES.iter().filter(|(name, _)| says(line, name));
            offences.extend(
                found.map(|(name, instead)| file.offence(number, format!("`{name}`: {instead}"))),
            );
        }
    }
    offences
}

#[test]
fn every_surprise_is_named() {
    for (name, instead) in SURPRISES {
        let text = format!("// {name}\nlet a = std::b::{name}();\n");
        let told = told(surprises, &[("framework/src/app.rs", &text)]);
        assert_eq!(told, [format!("framework/src/app.rs:2: `{name}`: {instead}")]);
    }
}

#[test]
fn the_sources_of_time_and_ids_are_left_alone() {
    let text = "let now = SystemTime::now();\nlet id = Uuid::now_v7();\n";
    let sources: Vec<(&str, &str)> = SOURCES.iter().map(|path| (*path, text)).collect();
    assert_eq!(told(surprises, &sources), [""; 0]);
    assert_eq!(told(surprises, &[("framework/src/saga/tests.rs", text)]), [""; 0]);
}
