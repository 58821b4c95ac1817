//! The dials of the outside world, and how they are turned.

use crate::fakes::{Reach, Wire, World};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Somebody outside of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outsider {
    /// Who takes the customers' money.
    Provider,
    /// Who carries parcels.
    Carrier,
    /// Who carries letters.
    Mail,
}

impl Outsider {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Provider, Self::Carrier, Self::Mail];

    /// By what it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Carrier => "carrier",
            Self::Mail => "mail",
        }
    }
}

/// A turn of the dials of somebody; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// How they are reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire: Option<Reach>,
    /// After how many calls more they are reached so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
    /// Customers whose payments are declined.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decline: Vec<String>,
    /// Customers whose authorisations expire before they are captured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expire: Vec<String>,
    /// Customers for whom all is well again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// The next so many answers get lost, after what was asked was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lose_answers: Option<u32>,
}

impl Turn {
    /// Whether it says anything that only the provider can do.
    #[must_use]
    pub const fn is_of_the_provider(&self) -> bool {
        self.lose_answers.is_some()
            || !(self.decline.is_empty() && self.expire.is_empty() && self.accept.is_empty())
    }
}

/// Turns of dials, each of somebody.
pub type Dials = BTreeMap<Outsider, Turn>;

impl World {
    /// The wire to somebody.
    #[must_use]
    pub fn wire(&self, whom: Outsider) -> &Wire {
        match whom {
            Outsider::Provider => &self.provider.wire,
            Outsider::Carrier => &self.carrier.wire,
            Outsider::Mail => &self.mail.wire,
        }
    }

    /// Turns the dials of somebody. What only the provider can do is left out for others.
    pub fn turn(&self, whom: Outsider, turn: &Turn) {
        if whom == Outsider::Provider {
            turn.accept.iter().for_each(|payer| self.provider.accept(payer));
            turn.decline.iter().for_each(|payer| self.provider.decline(payer));
            turn.expire.iter().for_each(|payer| self.provider.expire(payer));
            if let Some(times) = turn.lose_answers {
                self.provider.lose_answers(times);
            }
        }
        if let Some(reach) = turn.wire {
            self.wire(whom).turn_after(turn.after.unwrap_or(0), reach);
        }
    }
}
