//! Notification: what customers are told.

use crate::contracts::OrderId;
use ballet::topic;
use serde::{Deserialize, Serialize};

/// What a letter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The parcel is on its way.
    Shipped,
    /// We do not want this order.
    Invalid,
    /// The order was cancelled.
    Cancelled,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shipped => "shipped",
            Self::Invalid => "invalid",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The customer was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationSent {
    /// The order.
    pub order_id: OrderId,
    /// What about.
    pub kind: Kind,
    /// By what means, as `mail`.
    pub channel: String,
}

topic! {
    /// What Notification says.
    pub NOTIFICATIONS = "shop.notifications.v1", key order_id {
        NotificationSent = "notification.sent",
    }
}

/// The service that tells customers; nobody asks it anything.
pub const NOTIFICATION: &str = "notification";
