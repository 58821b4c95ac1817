//! The house rules that the compiler cannot hold.
//!
//! Each rule is a pure function from files to offences, so beside it stands a test that feeds it a
//! bad example and sees it named: a rule that cannot fail holds nothing. Here the rules meet the
//! tree itself, and each reports all that it finds at once.

mod changelog;
mod code;
mod deaths;
mod floors;
mod mistakes;
mod repeatable;
mod sizes;
mod traces;
pub mod tree;
mod twins;
mod words;

use tree::{report, tree};

/// A rule that is shown no files holds in any house.
#[test]
fn the_tree_is_seen() {
    let paths: Vec<String> = tree().into_iter().map(|file| file.path).collect();
    for known in ["Cargo.toml", "tests/main.rs", "tests/tidy.rs", "framework/src/lib.rs"] {
        assert!(paths.iter().any(|path| path == known), "`{known}` is not among the files read");
    }
}

#[test]
fn every_import_runs_down() {
    report("every import runs down", floors::imports(&tree()));
}

#[test]
fn every_module_stands_on_a_floor() {
    report("every module stands on a floor", floors::strays(&tree()));
}

#[test]
fn a_file_is_a_room() {
    report("a file is a room", sizes::too_long(&tree()));
}

#[test]
fn nothing_is_left_for_later() {
    report("nothing is left for later", words::left_over(&tree()));
}

#[test]
fn twin_adapters_have_twin_files() {
    report("twin adapters have twin files", twins::unlike(&tree()));
}

#[test]
fn a_scenario_does_not_know_who_coordinates_it() {
    report("a scenario does not know who coordinates it", words::partial_scenarios(&tree()));
}

#[test]
fn a_run_lives_the_same_life_twice() {
    report("a run lives the same life twice", repeatable::surprises(&tree()));
}

#[test]
fn the_changelog_names_this_version() {
    report("the changelog names this version", changelog::unnamed(&tree()));
}

#[test]
fn whatever_waits_for_store_or_broker_says_what_is_when_its_process_dies() {
    report("whatever waits for store or broker says what is then", deaths::unsaid(&tree()));
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    report("no file knows the machine it was written on", traces::left(&tree()));
}

#[test]
fn every_mistake_is_made_beside_its_rule() {
    report("every mistake is made beside its rule, in a line or two", mistakes::misplaced(&tree()));
}
