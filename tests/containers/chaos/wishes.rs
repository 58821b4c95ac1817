//! What customers wish for: drawn from the seed, so that it is the same again.

use super::dice::Dice;
use serde_json::json;
use std::time::Duration;

/// What an iPad costs, in minor units.
const PRICE: i64 = 109_900;
/// More than there ever is of anything.
pub(super) const TOO_MANY: i64 = 1_000_000;
/// Customers of whom the provider takes no money, and of whom it forgets what it kept ready.
pub(super) const DECLINED: &str = "c2";
pub(super) const EXPIRED: &str = "c3";
/// A customer who lives where no carrier goes.
pub(super) const FAR_AWAY: &str = "far-away";
/// A customer of whom nobody has heard.
const NOBODY: &str = "nobody";

/// How a purchase is meant to go, if nothing else happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It is shipped.
    Plain,
    /// The provider declines.
    Declined,
    /// What the provider keeps ready expires before it is taken.
    Expired,
    /// No carrier goes there.
    FarAway,
    /// The customer is unknown: Shipping waits for a while.
    Unknown,
    /// The price is wrong.
    Mispriced,
    /// There are not so many.
    SoldOut,
    /// The customer cancels in the middle.
    CalledOff,
}

/// What is drawn, and how often.
pub(super) type Mix = &'static [(u64, Kind)];

/// Everything that a purchase may come to.
pub(super) const ALL: Mix = &[
    (54, Kind::Plain),
    (8, Kind::Declined),
    (6, Kind::Expired),
    (6, Kind::FarAway),
    (4, Kind::Unknown),
    (5, Kind::Mispriced),
    (5, Kind::SoldOut),
    (12, Kind::CalledOff),
];
/// Nothing but purchases that are to be shipped.
pub(super) const PLAIN: Mix = &[(1, Kind::Plain)];

impl Kind {
    /// Whether there is any way for it to be shipped.
    pub(super) const fn may_ship(self) -> bool {
        // What the provider is told to decline or forget, it takes while it was not told yet.
        matches!(self, Self::Plain | Self::Declined | Self::Expired | Self::CalledOff)
    }

    /// Whether somebody waits for something that never comes, so that it takes long by nature.
    pub(super) const fn waits(self) -> bool {
        matches!(self, Self::Unknown)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::FarAway => "far away",
            Self::Unknown => "unknown customer",
            Self::Mispriced => "wrong price",
            Self::SoldOut => "sold out",
            Self::CalledOff => "called off",
        }
    }
}

/// A purchase that a customer wishes for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    /// The idempotency key.
    pub(super) key: String,
    pub(super) kind: Kind,
    /// The body of the request.
    pub(super) body: String,
    /// When the customer cancels, after it was acknowledged.
    pub(super) called_off: Option<Duration>,
    /// Whether the request is said again, although it was acknowledged.
    pub(super) is_said_again: bool,
}

impl Wish {
    /// The wish of this number.
    pub(super) fn of(seed: u64, mix: Mix, number: u64) -> Self {
        let mut dice = Dice::of(seed, &format!("order/{number}"));
        let kind = dice.weigh(mix);
        let customer = format!("c{}", 4 + dice.below(14));
        let customer = match kind {
            Kind::Declined => DECLINED,
            Kind::Expired => EXPIRED,
            Kind::FarAway => FAR_AWAY,
            Kind::Unknown => NOBODY,
            Kind::Plain | Kind::Mispriced | Kind::SoldOut | Kind::CalledOff => &customer,
        };
        let qty = if kind == Kind::SoldOut { TOO_MANY } else { 1 };
        let total = if kind == Kind::Mispriced { 1 } else { qty * PRICE };
        let body = json!({
            "customer_id": customer,
            "total_minor": total,
            "currency": "USD",
            "lines": [{"sku": "ipad", "qty": qty, "unit_price_minor": PRICE}],
        });
        Self {
            key: format!("{seed}/{number}"),
            kind,
            body: body.to_string(),
            called_off: (kind == Kind::CalledOff).then(|| dice.between(0, 1_500)),
            is_said_again: dice.is_one_in_hundred(25),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Kind, Wish};
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_wishes_for_the_same_and_for_everything() {
        let wishes = |seed| (0..200).map(move |number| Wish::of(seed, ALL, number));
        assert!(wishes(1).eq(wishes(1)));
        assert!(!wishes(1).map(|wish| wish.kind).eq(wishes(2).map(|wish| wish.kind)));
        let kinds: BTreeSet<Kind> = wishes(1).map(|wish| wish.kind).collect();
        assert_eq!(kinds.len(), ALL.len());
    }
}
