//! The shop both ways, each at work in a place of its own: what is compared, and what is measured.

pub mod ground;
pub mod orders;
#[cfg(feature = "servers")]
pub mod servers;
pub mod stand;
#[cfg(feature = "servers")]
mod topics;

use shop::cast::Cast;

/// Why it did not come to its end.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Both ways of doing it.
pub const WAYS: [(&str, Cast); 2] =
    [("orchestrated", orchestrated::CAST), ("choreographed", choreographed::CAST)];
