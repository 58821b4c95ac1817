//! The docs say what is so.
//!
//! Goal: nobody finds a sentence in the docs that the code contradicts, as far as a machine can tell.
//! Method: each rule is a pure function from files to offences, and beside it stands a test that feeds
//! it a bad page and sees it named. The Rust blocks of the pages are compiled elsewhere: by the
//! doctests of the crate.

mod pages;
mod rules;
mod scenarios;

use crate::tidy::tree::{File, report, tree};
use ballet::Saga;
use ballet::saga::{Back, Head, Shape, StepShape};
use pages::fenced;

#[test]
fn every_test_that_is_named_exists() {
    report("every test that a page names exists", rules::unknown_tests(&tree()));
}

#[test]
fn every_quote_is_verbatim() {
    report("every quote is verbatim", rules::misquoted(&tree()));
}

#[test]
fn every_link_leads_somewhere() {
    report("every link leads somewhere", rules::broken_links(&tree()));
}

#[test]
fn every_path_that_is_named_is_there() {
    report("every path that a page names is there", rules::missing_paths(&tree()));
}

#[test]
fn every_page_is_on_the_map() {
    report("every page is on the map of the README", rules::unmapped(&tree()));
}

#[test]
fn every_page_with_rust_is_compiled() {
    report("every page with Rust in it is compiled", rules::not_compiled(&tree()));
}

#[test]
fn every_rule_number_is_explained() {
    report("every rule number of a comment is explained", rules::unexplained(&tree()));
}

#[test]
fn every_scenario_is_told() {
    report("every scenario has a row on its page", scenarios::untold(&tree()));
}

#[test]
fn every_scenario_number_is_explained() {
    report("every number of a scenario is explained", scenarios::unnumbered(&tree()));
}

/// The page that shows the purchase in both modes.
fn purchase() -> File {
    let page = tree().into_iter().find(|file| file.path == "docs/guide/purchase.md");
    page.expect("the purchase has a page")
}

/// What stands behind a comment of this text in the page of the purchase.
fn behind(mark: &str) -> String {
    let mark = format!("<!-- {mark} -->\n");
    let text = purchase().text;
    let (_, after) = text.split_once(&mark).unwrap_or_else(|| panic!("`{mark}` is not there"));
    after.to_owned()
}

#[test]
fn the_plan_is_drawn_as_it_is() {
    let drawn = fenced(&behind("drawn by Plan::draw"), "mermaid").expect("there is a drawing");
    assert_eq!(drawn, orchestrated::Purchase::plan().draw());
}

#[test]
fn the_choreography_is_drawn_as_it_is() {
    let drawn = fenced(&behind("drawn by Choreography::draw"), "mermaid");
    assert_eq!(drawn.expect("there is a drawing"), choreographed::choreography().draw());
}

#[test]
fn the_steps_are_told_as_they_are() {
    let told = behind("told by Plan::shape");
    let told: String =
        told.split_inclusive('\n').take_while(|line| line.starts_with('|')).collect();
    assert_eq!(told, steps(orchestrated::Purchase::plan().shape()));
}

/// The steps of a plan as a table.
fn steps(shape: &Shape) -> String {
    let rows = shape.steps.iter().map(|step| {
        let cells = [format!("`{}`", step.name), forward(step), back(step), remarks(shape, step)];
        let cells =
            cells.map(|cell| if cell.is_empty() { " ".into() } else { format!(" {cell} ") });
        format!("|{}|\n", cells.join("|"))
    });
    format!("| step | forward | back | |\n|---|---|---|---|\n{}", rows.collect::<String>())
}

fn forward(step: &StepShape) -> String {
    match step.head {
        Head::Begun => "begun".to_owned(),
        Head::Act => "act".to_owned(),
        Head::Ask { command, to } => format!("ask {to}: `{command}`"),
        Head::Tell { command, to } => format!("tell {to}: `{command}`"),
        Head::Hear => "hear".to_owned(),
    }
}

fn back(step: &StepShape) -> String {
    match step.back {
        Back::Nothing => String::new(),
        Back::Act => "act".to_owned(),
        Back::Ask { command, to } => format!("ask {to}: `{command}`"),
    }
}

fn remarks(shape: &Shape, step: &StepShape) -> String {
    let remarks = [
        (step.pivot, "pivot"),
        (shape.members(step.group).count() > 1, "together"),
        (step.sometimes, "when needed"),
    ];
    let said: Vec<&str> = remarks.iter().filter(|(is, _)| *is).map(|(_, said)| *said).collect();
    said.join(", ")
}
