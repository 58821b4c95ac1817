//! What goes wrong while a process runs, on its error output: one sentence each, and not again for a while.
//!
//! The engine says it through `tracing`, for every lane and every attempt. Whoever looks at a terminal
//! wants to be told once, and again now and then as long as it is so.

use ballet::clock::Stopwatch;
use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// How long a sentence is not said again.
const QUIET: Duration = Duration::from_secs(30);
/// How many different sentences are remembered.
const MOST: usize = 1_000;
/// Who is listened to: not the libraries below, whose words are in our sentences already.
const WHO: &str = "ballet";

/// From now on complaints of this process are printed.
pub(super) fn listen(name: &'static str) {
    // Whoever embeds the shop may listen by itself.
    let _ = tracing::subscriber::set_global_default(Complaints { name, said: Mutex::default() });
}

struct Complaints {
    name: &'static str,
    said: Mutex<BTreeMap<String, Stopwatch>>,
}

impl Complaints {
    /// Whether a sentence is to be said now. What stands in brackets, and numbers, make it no other one.
    fn is_news(&self, sentence: &str) -> bool {
        let (sentence, _) = sentence.split_once(" (").unwrap_or((sentence, ""));
        let sentence: String = sentence.chars().filter(|c| !c.is_ascii_digit()).collect();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.get(&sentence).is_some_and(|since| since.elapsed() < QUIET) {
            return false;
        }
        if said.len() >= MOST {
            said.clear();
        }
        said.insert(sentence, Stopwatch::start());
        true
    }
}

impl Subscriber for Complaints {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && *metadata.level() <= Level::WARN
            && metadata.target().split("::").next() == Some(WHO)
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::WARN)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut words = Words::default();
        event.record(&mut words);
        let sentence = words.sentence();
        if self.is_news(&sentence) {
            eprintln!("{}: {sentence}{}", self.name, words.place());
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What was said: what happens, why, and where.
#[derive(Default)]
struct Words {
    what: String,
    why: String,
    place: String,
}

impl Words {
    fn sentence(&self) -> String {
        match self.why.is_empty() {
            true => self.what.clone(),
            false => format!("{}: {}", self.what, self.why),
        }
    }

    fn place(&self) -> String {
        if self.place.is_empty() { String::new() } else { format!(" [{}]", self.place) }
    }
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let to = match field.name() {
            "message" => &mut self.what,
            "told" | "error" | "trouble" | "edge" | "code" | "lag" => &mut self.why,
            "lane" | "group" | "view" | "topic" => &mut self.place,
            _ => return,
        };
        if !to.is_empty() {
            to.push(' ');
        }
        let _ = write!(to, "{value:?}");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::{Complaints, Words};
    use std::sync::Mutex;

    #[test]
    fn a_sentence_is_said_once_in_a_while() {
        let complaints = Complaints { name: "shop", said: Mutex::default() };
        assert!(complaints.is_news("the disk is full"));
        assert!(!complaints.is_news("the disk is full (after 17 ms)"));
        assert!(complaints.is_news("the disk is slow"));
    }

    #[test]
    fn a_sentence_tells_what_happens_and_why_and_then_where() {
        let words = Words {
            what: "the lane is taken again".to_owned(),
            why: "the disk is full: make room".to_owned(),
            place: "orders/1".to_owned(),
        };
        assert_eq!(words.sentence(), "the lane is taken again: the disk is full: make room");
        assert_eq!(words.place(), " [orders/1]");
    }
}
