//! Alerts: what somebody should look at.

use serde::{Deserialize, Serialize};

/// What may be wrong with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// It should have come to an end by now.
    OrderOverdue,
    /// Stock is kept for it, and has been for longer than any order may take.
    ReservationExpired,
}

impl Trouble {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrderOverdue => "order_overdue",
            Self::ReservationExpired => "reservation_expired",
        }
    }
}

/// The service that keeps the list for operators; nobody asks it anything.
pub const ALERTS: &str = "alerts";
