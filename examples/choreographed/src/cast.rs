//! The processes of the shop: one for every service, and none above them.

use crate::{
    Alerts, Customers, Details, Fraud, Inventory, Limits, Notification, Orders, Payments,
    ShadowFraud, Shipping,
};
use shop::cast::{Cast, Player};
use shop::customers::{Addresses, Contacts};
use shop::timeline::Timeline;

/// Everybody who plays.
pub const CAST: Cast = &[
    Player::of::<Orders>(),
    Player::of::<Details>(),
    Player::of::<Fraud>(),
    Player::of::<ShadowFraud>(),
    Player::of::<Limits>(),
    Player::of::<Inventory>(),
    Player::outward::<Payments>(),
    Player::outward_with::<Shipping, Addresses>(),
    Player::of::<Customers>(),
    Player::outward_with::<Notification, Contacts>(),
    Player::of::<Alerts>(),
];

/// Who only listens, so that an operator can be told what became of an order.
pub const BESIDE: Cast = &[Player::of::<Timeline>()];
