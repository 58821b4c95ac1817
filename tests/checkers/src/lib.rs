//! Checkers: what must be true of a [`History`] when all is quiet, whoever played it and on what.
//!
//! ```text
//! history   what can be known from outside: messages, journals, lanes, commits
//!
//! bank      totals are conserved, and no account is moved twice      effects   each step once, or not at all
//! barrier   what is remembered of a command changes one way          edges     1, 2, 3, in order, unchanged
//! books     the shop's own auditor                                   fencing   no write of a zombie
//! causes    every message follows from another                       lost      what was committed arrives
//! liveness  everything ends, or needs a person                       order     per key as it was said
//! views     rows are a replay of the log
//! ```
//!
//! A checker sees only the history, so it does not know who coordinated, nor what went wrong meanwhile. Each
//! says what is broken in a sentence with names and numbers. The `I…` of a law is its number in the list of
//! invariants of the design.

pub mod bank;
pub mod barrier;
pub mod books;
pub mod causes;
pub mod edges;
pub mod effects;
pub mod fencing;
mod history;
pub mod liveness;
pub mod lost;
pub mod order;
#[cfg(test)]
mod samples;
pub mod views;

pub use history::{Bank, Commit, Fold, History, Lane, Outside, Rows, Run, Tally};

/// Something that must be true.
#[derive(Debug, Clone, Copy)]
pub struct Checker {
    /// By what it is called.
    pub name: &'static str,
    /// What must be true.
    pub law: &'static str,
    /// A sentence for each place where it is not.
    pub check: fn(&History) -> Vec<String>,
}

/// All of them.
pub const CHECKERS: &[Checker] = &[
    Checker { name: "bank", law: bank::LAW, check: bank::check },
    Checker { name: "barrier", law: barrier::LAW, check: barrier::check },
    Checker { name: "books", law: books::LAW, check: books::check },
    Checker { name: "causes", law: causes::LAW, check: causes::check },
    Checker { name: "edges", law: edges::LAW, check: edges::check },
    Checker { name: "effects", law: effects::LAW, check: effects::check },
    Checker { name: "fencing", law: fencing::LAW, check: fencing::check },
    Checker { name: "liveness", law: liveness::LAW, check: liveness::check },
    Checker { name: "lost", law: lost::LAW, check: lost::check },
    Checker { name: "order", law: order::LAW, check: order::check },
    Checker { name: "views", law: views::LAW, check: views::check },
];

/// Whatever any of them finds, each finding with the name of its checker before it.
#[must_use]
pub fn check(history: &History) -> Vec<String> {
    let told = |checker: &Checker| {
        let name = checker.name;
        (checker.check)(history).into_iter().map(move |found| format!("{name}: {found}"))
    };
    CHECKERS.iter().flat_map(told).collect()
}
