//! What comes from outside or from a disk, given whatever may come: each target is a function of bytes
//! that fails if a promise about reading them is broken. `docs/internals/fuzzing.md` tells the promises.
//!
//! | target | what is read |
//! |---|---|
//! | `envelope` | messages, as logs and outboxes have them |
//! | `headers` | records of a broker |
//! | `words` | times, positions, traces, keys of tables |
//! | `journal` | journals of runs, and what is decided upon them |
//! | `shapes` | plan shapes, and runs that follow them |
//! | `stored` | every other document in a store, by an app that works on it |
//! | `http` | requests to both examples |
//! | `orders` | orders in a file, one a line |
//!
//! The rule: a target reaches what it tests by the doors that everybody has. `mutate` makes inputs of the
//! examples in `corpus`, which `play` gives to the targets in every run of the tests; `campaign` does so
//! with libFuzzer, for as long as somebody likes.

pub mod envelope;
pub mod headers;
pub mod http;
pub mod journal;
pub mod mutate;
pub mod orders;
pub mod shapes;
pub mod stored;
pub mod words;

#[cfg(test)]
mod found;
#[cfg(test)]
mod play;

/// What an error must be: words for a person.
///
/// # Panics
///
/// If it is not.
fn sentence(told: &str) {
    let words = told.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic));
    assert!(words.take(3).count() == 3, "this is no sentence: {told:?}");
}

/// Examples with their names.
fn texts<const N: usize>(texts: [(&'static str, Vec<u8>); N]) -> Vec<(&'static str, Vec<u8>)> {
    texts.into()
}

/// The lines up to the first empty one, and what follows it.
fn lines_and_rest(bytes: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let (mut lines, mut rest) = (Vec::new(), bytes);
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..end];
        rest = &rest[end + 1..];
        if line.is_empty() {
            return (lines, rest);
        }
        lines.push(line);
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    (lines, &[])
}
