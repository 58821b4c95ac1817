//! Plays the corpus, everything that ever broke something, and mutations of both, on every target.

use crate::mutate::Mutator;
use crate::{envelope, headers, http, journal, orders, shapes, stored, words};
use std::cell::Cell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Named examples.
type Samples = Vec<(&'static str, Vec<u8>)>;

thread_local! {
    /// How often something has panicked on this thread, also what somebody caught.
    static PANICS: Cell<u32> = const { Cell::new(0) };
}

fn folder(of: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of).join(target)
}

/// The files of a folder in the order of their names; none if there is no such folder.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let read = |path: PathBuf| (name(&path), fs::read(&path).expect("the file can be read"));
    let mut files: Vec<_> = paths.map(read).collect();
    files.sort();
    files
}

/// The corpus is what the code makes; `UPDATE_EXPECT=1` writes it.
fn is_current(target: &str, samples: Samples) {
    let folder = folder("corpus", target);
    let mut made: Vec<(String, Vec<u8>)> =
        samples.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    made.sort();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder for the corpus");
        for (name, bytes) in &made {
            fs::write(folder.join(name), bytes).expect("the corpus can be written");
        }
    }
    let same = files(&folder) == made;
    assert!(same, "corpus/{target} is not what the code makes: UPDATE_EXPECT=1 writes it");
}

/// Counts panics on every thread that comes by, and tells them as ever.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.with(|panics| panics.set(panics.get() + 1));
            told(panic);
        }));
    });
}

/// Fails with the input if the target does, or if anything panicked that somebody has caught.
#[track_caller]
fn holds(check: fn(&[u8]), name: &str, input: &[u8]) {
    let before = PANICS.get();
    let held = catch_unwind(AssertUnwindSafe(|| check(input)));
    let caught = PANICS.get() - before;
    assert!(held.is_ok() && caught == 0, "{name}, {caught} panics: {}", input.escape_ascii());
}

/// All that is known, and so many mutations of it.
fn play(target: &str, check: fn(&[u8]), samples: Samples, mutations: usize) {
    count_panics();
    is_current(target, samples);
    let mut known = files(&folder("corpus", target));
    known.extend(files(&folder("crashes", target)));
    known.iter().for_each(|(name, input)| holds(check, name, input));
    let mut mutator = Mutator::new(41, known.into_iter().map(|(_, input)| input).collect());
    for number in 0..mutations {
        holds(check, &format!("mutation {number}"), &mutator.next_input());
    }
}

#[test]
fn messages_hold() {
    play("envelope", envelope::check, envelope::samples(), 10_000);
}

#[test]
fn headers_hold() {
    play("headers", headers::check, headers::samples(), 10_000);
}

#[test]
fn words_hold() {
    play("words", words::check, words::samples(), 20_000);
}

#[test]
fn journals_hold() {
    play("journal", journal::check, journal::samples(), 1_000);
}

#[test]
fn shapes_hold() {
    play("shapes", shapes::check, shapes::samples(), 1_000);
}

#[test]
fn files_of_orders_hold() {
    play("orders", orders::check, orders::samples(), 10_000);
}

#[test]
fn stored_documents_hold() {
    play("stored", stored::check, stored::samples(), 200);
}

#[test]
fn requests_hold() {
    play("http", http::check, http::samples(), 1_000);
}
