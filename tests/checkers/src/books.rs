//! The shop's books: its own auditor, for whoever plays the shop.

use crate::History;
use shop::audit::audit;

/// What must be true.
pub const LAW: &str = "The shop's auditor finds nothing.";

/// Lets the auditor go through the books.
#[must_use]
pub fn check(history: &History) -> Vec<String> {
    let found = history.books.iter().flat_map(audit);
    found.map(|breach| breach.to_string()).collect()
}
