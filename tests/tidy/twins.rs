//! Adapters that answer to the same port have the same rooms: who knows one knows the other.

use std::collections::BTreeSet;

use super::tree::{File, Offence, told};

/// Twin folders, and what the first and the second have alone: SQLite needs an order of its own, and
/// Postgres is somewhere else, where many processes share a log.
const TWINS: &[(&str, &str, &[&str], &[&str])] = &[
    ("framework/src/sqlite", "framework/src/postgres", EMBEDDED, SERVER),
    ("framework/migrations/sqlite", "framework/migrations/postgres", &[], &["log/0001_log.sql"]),
];

const EMBEDDED: &[&str] = &[
    "disk.rs",
    "disk/tests.rs",
    "job.rs",
    "lock.rs",
    "pen.rs",
    "place.rs",
    "readers.rs",
    "tail.rs",
    "tests.rs",
    "turn.rs",
    "writer.rs",
];
const SERVER: &[&str] = &[
    "cdc.rs",
    "clients.rs",
    "config.rs",
    "hints.rs",
    "log/append.rs",
    "log/member.rs",
    "log/prune.rs",
    "log/reader.rs",
    "log/tail.rs",
    "log/watch.rs",
    "migrate.rs",
    "outbox.rs",
    "pool.rs",
    "puts.rs",
    "standing.rs",
    "texts.rs",
    "transaction.rs",
];

/// Every file that its twin folder lacks.
pub fn unlike(files: &[File]) -> Vec<Offence> {
    TWINS
        .iter()
        .flat_map(|(left, right, alone, more)| {
            let (lefts, rights) = (names_in(files, left), names_in(files, right));
            compare((left, &lefts), (right, &rights), alone, more)
        })
        .collect()
}

fn names_in<'a>(files: &'a [File], folder: &str) -> BTreeSet<&'a str> {
    files.iter().filter_map(|file| file.within(folder)).collect()
}

/// Two folders of the same names; one that is not there yet has nothing to be compared with.
fn compare(
    (left, lefts): (&str, &BTreeSet<&str>),
    (right, rights): (&str, &BTreeSet<&str>),
    alone: &[&str],
    more: &[&str],
) -> Vec<Offence> {
    if lefts.is_empty() || rights.is_empty() {
        return Vec::new();
    }
    let surplus = rights.difference(lefts).filter(|name| !more.contains(name));
    let unlike = lefts
        .difference(rights)
        .filter(|name| !alone.contains(name))
        .map(|name| (left, name, right))
        .chain(surplus.map(|name| (right, name, left)));
    unlike
        .map(|(here, name, there)| {
            let file = File::new(format!("{here}/{name}"), "");
            file.offence(1, format!("has no twin in {there}: give it one, or take the name of one"))
        })
        .collect()
}

#[test]
fn a_file_without_a_twin_is_named_on_either_side() {
    let lefts = BTreeSet::from(["mod.rs", "outbox.rs", "timers.rs"]);
    let rights = BTreeSet::from(["mod.rs", "cdc.rs", "inbox.rs", "timers.rs"]);
    let told: Vec<String> = compare(("a", &lefts), ("b", &rights), &[], &["cdc.rs"])
        .iter()
        .map(Offence::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "a/outbox.rs:1: has no twin in b: give it one, or take the name of one",
            "b/inbox.rs:1: has no twin in a: give it one, or take the name of one",
        ]
    );
}

#[test]
fn each_may_have_what_it_has_alone() {
    let (one, two) = (BTreeSet::from(["mod.rs"]), BTreeSet::from(["cdc.rs", "mod.rs"]));
    assert_eq!(compare(("a", &one), ("b", &two), &[], &["cdc.rs"]).len(), 0);
    assert_eq!(compare(("a", &two), ("b", &one), &["cdc.rs"], &[]).len(), 0);
    assert_eq!(compare(("a", &two), ("b", &one), &[], &["cdc.rs"]).len(), 1);
    assert_eq!(compare(("a", &two), ("b", &BTreeSet::new()), &[], &[]).len(), 0);
}

#[test]
fn the_folders_of_the_framework_are_compared() {
    let files = [
        ("framework/src/sqlite/mod.rs", ""),
        ("framework/src/postgres/inbox.rs", ""),
        ("framework/migrations/sqlite/0001_runs.sql", ""),
        ("framework/migrations/postgres/0001_rows.sql", ""),
    ];
    assert_eq!(told(unlike, &files).len(), 4);
}
