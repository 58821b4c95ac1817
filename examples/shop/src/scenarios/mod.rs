//! What must come of a purchase, whatever happens: X1 to X22, and what else was promised.
//!
//! Each scenario is one text, played by every cast with the same assertions; it does not know who
//! plays. After each an auditor goes through the books.

mod checks;

pub use checks::*;
