//! The page of scenarios: each number has a row, and each scenario is named there.

use super::rules::listed;
use crate::tidy::tree::{File, Offence, told};

/// Where the numbers of scenarios are explained.
const PAGE: &str = "docs/reference/scenarios.md";
/// Where the scenarios are listed that both casts play.
const LIST: &str = "tests/stories/mod.rs";
/// Where comments name them by number.
const PLACES: &[&str] = &["examples/shop/src/scenarios", "tests/stories"];

fn page(files: &[File]) -> &str {
    files.iter().find(|file| file.path == PAGE).map_or("", |file| &file.text)
}

/// Every scenario that the page does not name.
pub fn untold(files: &[File]) -> Vec<Offence> {
    let Some(list) = files.iter().find(|file| file.path == LIST) else { return Vec::new() };
    let is_told = |scenario: &str| page(files).contains(&format!("`{LIST}::{scenario}`"));
    let untold = listed(&list.text).filter(|scenario| !is_told(scenario));
    untold.map(|it| list.offence(1, format!("`{it}` has no row in {PAGE}"))).collect()
}

/// Every number of a scenario in a comment that has no row.
pub fn unnumbered(files: &[File]) -> Vec<Offence> {
    let has_row = |number: &str| {
        let row = format!("| {number} |");
        page(files).lines().any(|line| line.starts_with(&row))
    };
    let mut offences = Vec::new();
    let is_place = |file: &&File| PLACES.iter().any(|folder| file.within(folder).is_some());
    for file in files.iter().filter(is_place) {
        for (line, text) in file.lines().filter(|(_, line)| line.trim_start().starts_with("//")) {
            for number in numbers(text).filter(|number| !has_row(number)) {
                offences.push(file.offence(line, format!("`{number}` has no row in {PAGE}")));
            }
        }
    }
    offences
}

/// The numbers that a line names: a letter and one or two digits.
fn numbers(line: &str) -> impl Iterator<Item = &str> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| {
        let digits = word.strip_prefix(['A', 'B', 'C', 'D', 'F', 'G', 'X']).unwrap_or_default();
        matches!(digits.len(), 1 | 2) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[test]
fn a_scenario_without_a_row_is_named() {
    let page = (PAGE, "| X1 | so | `tests/stories/mod.rs::x01_a` |\n");
    let list = "//! Here.\n\nscenarios! {\n    x01_a x02_b\n}\n";
    let files = [page, (LIST, list)];
    assert_eq!(told(untold, &files), [format!("{LIST}:1: `x02_b` has no row in {PAGE}")]);
    let place = "examples/shop/src/scenarios/a.rs";
    let files = [page, (place, "/// X1: so.\n/// X2, for X1 was not enough.\nlet G7 = 1;\n")];
    assert_eq!(told(unnumbered, &files), [format!("{place}:2: `X2` has no row in {PAGE}")]);
}
