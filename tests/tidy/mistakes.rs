//! Where the deliberate mistakes of the engine stand, and how much room they take.

use super::code::code;
use super::tree::{File, Offence, told};

/// The file with the table of the mistakes.
const TABLE: &str = "framework/src/mistake.rs";

/// At how many places one may be made.
const PLACES_MAX: usize = 2;

/// How many lines an `if` may hold that is there for a mistake alone.
const LINES_MAX: usize = 3;

/// Every mistake that is made nowhere or all over the place, or whose name is not that of its variant, and
/// every one that takes more room than the rule beside it.
pub fn misplaced(files: &[File]) -> Vec<Offence> {
    let Some(table) = files.iter().find(|file| file.path == TABLE) else { return Vec::new() };
    let inside = |file: &&File| file.within("framework/src").is_some() && file.path != TABLE;
    let engine: Vec<(&File, String)> =
        files.iter().filter(inside).map(|file| (file, code(&file.text))).collect();
    let mut offences = Vec::new();
    for (line, mistake, name) in rows(table) {
        let site = format!("Mistake::{mistake}.is_made()");
        let places: usize = engine.iter().map(|(_, text)| text.matches(&site).count()).sum();
        if !(1..=PLACES_MAX).contains(&places) {
            let advice = format!("`{name}` is made at {places} places: one, or two at most");
            offences.push(table.offence(line, advice));
        }
        if name != kebab(mistake) {
            offences.push(table.offence(line, format!("`{mistake}` is called `{name}`")));
        }
    }
    for (file, text) in &engine {
        offences.extend(too_large(text).map(|line| {
            file.offence(
                line,
                format!("a mistake takes {LINES_MAX} lines at most, or none of its own"),
            )
        }));
    }
    offences
}

/// The rows of the table: line, variant, name.
fn rows(table: &File) -> impl Iterator<Item = (usize, &str, &str)> {
    table.lines().filter_map(|(number, line)| {
        let row = line.strip_prefix("    ").filter(|row| row.starts_with(char::is_uppercase))?;
        let (mistake, rest) = row.split_once(" \"")?;
        Some((number, mistake, rest.split_once('"')?.0))
    })
}

fn kebab(mistake: &str) -> String {
    let mut name = String::new();
    for c in mistake.chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(c.to_lowercase());
    }
    name
}

/// The lines at which an `if` for a mistake begins that does not end soon.
fn too_large(text: &str) -> impl Iterator<Item = usize> {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |line: &str| {
        let line = line.trim_start();
        (line.starts_with("if Mistake::") || line.starts_with("if !Mistake::"))
            && line.ends_with('{')
    };
    let is_large = move |at: &usize| {
        let closing = lines[*at].split("if ").next().map(|indent| format!("{indent}}}"));
        begins(lines[*at])
            && !lines[*at..]
                .iter()
                .take(LINES_MAX + 2)
                .any(|line| Some(*line) == closing.as_deref())
    };
    (0..text.lines().count()).filter(is_large).map(|at| at + 1)
}

#[test]
fn a_mistake_that_nobody_makes_and_one_that_is_made_everywhere_are_named() {
    let table = "mistakes! {\n    NoEpoch \"no-epoch\" Lane \"H2\"\n    NoEdges \"no-edge\" Lane \"H3\"\n}\n";
    let everywhere = "if Mistake::NoEdges.is_made() {}\n".repeat(3);
    assert_eq!(
        told(misplaced, &[(TABLE, table), ("framework/src/a.rs", &everywhere)]),
        [
            "framework/src/mistake.rs:2: `no-epoch` is made at 0 places: one, or two at most",
            "framework/src/mistake.rs:3: `no-edge` is made at 3 places: one, or two at most",
            "framework/src/mistake.rs:3: `NoEdges` is called `no-edge`",
        ]
    );
}

#[test]
fn a_mistake_that_is_larger_than_its_rule_is_named() {
    let table = "    NoEpoch \"no-epoch\" Lane \"H2\"\n";
    let site = |lines: &str| {
        format!("fn a() {{\n    if Mistake::NoEpoch.is_made() {{\n{lines}    }}\n}}\n")
    };
    let (small, large) = (site(&"        b();\n".repeat(3)), site(&"        b();\n".repeat(4)));
    assert_eq!(told(misplaced, &[(TABLE, table), ("framework/src/a.rs", &small)]), [""; 0]);
    assert_eq!(
        told(misplaced, &[(TABLE, table), ("framework/src/a.rs", &large)]),
        ["framework/src/a.rs:2: a mistake takes 3 lines at most, or none of its own"]
    );
}
