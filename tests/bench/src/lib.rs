//! What every measuring program needs: where it ran, what it used, how figures are told.

pub mod meter;
pub mod setting;
pub mod stats;
pub mod tell;

/// Why a measurement did not come to its end.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;
