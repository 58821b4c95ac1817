//! The tables that are played: real ones, with real handlers, except that the model is the outside.

#![cfg(test)]

use crate::error::{Fault, StepError, refuse};
use crate::reactor::{Call, Reactions, Reactor, Verdict, call, react};
use crate::tx::Tx;
use serde::{Deserialize, Serialize};

macro_rules! records {
    ($($name:ident),*) => {
        $(
            #[derive(Debug, Clone, Serialize, Deserialize)]
            pub(super) struct $name {
                id: String,
            }
        )*
    };
}

records! { Charge, Refund, Receipt, Ordered, Paid, Cancelled, Reserved, Captured, Declined, Released, TooLate }
crate::service! { TILL = "till" { Charge = "charge" -> Receipt, Refund = "refund" -> () } }
crate::topic! { FACTS = "facts", key id {
    Ordered = "ordered", Paid = "paid", Cancelled = "cancelled", Reserved = "reserved",
    Captured = "captured", Declined = "declined", Released = "released", TooLate = "too-late",
} }

pub(super) struct Till;
impl Reactor for Till {
    const NAME: &'static str = TILL;
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Charge>(
            call(Self::charge)
                .answer(Self::charged)
                .compensate_by_call::<Refund, _>(Self::refund, Self::refunded),
        )
    }
}

/// The model is the outside: it never calls it.
fn nobody<T>() -> Result<T, Fault> {
    Err(Fault::new("nobody is called"))
}

impl Till {
    async fn charge(&self, _: &Call, _: &Charge) -> Result<bool, Fault> {
        nobody()
    }
    async fn charged(&self, _: &mut Tx, c: &Charge, yes: &bool) -> Result<Receipt, StepError> {
        if *yes { Ok(Receipt { id: c.id.clone() }) } else { Err(refuse("no", "")) }
    }
    async fn refund(&self, _: &Call, _: &Refund, _: &Receipt) -> Result<bool, Fault> {
        nobody()
    }
    async fn refunded(&self, _: &mut Tx, _: &Refund, _: &bool) -> Result<(), Fault> {
        Ok(())
    }
}

pub(super) struct Desk;
impl Reactor for Desk {
    const NAME: &'static str = "desk";
    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .on::<Ordered>(
                react(Self::reserve)
                    .compensate_on::<Cancelled>(Self::release)
                    .too_late::<Cancelled, _>(Self::too_late),
            )
            .on::<Paid>(call(Self::capture).react(Self::captured).pivot())
    }
}

impl Desk {
    async fn reserve(&self, _: &mut Tx, ordered: &Ordered) -> Result<Reserved, Fault> {
        Ok(Reserved { id: ordered.id.clone() })
    }
    async fn release(
        &self,
        _: &mut Tx,
        cancelled: &Cancelled,
        _: &Option<Reserved>,
    ) -> Result<Released, Fault> {
        Ok(Released { id: cancelled.id.clone() })
    }
    async fn too_late(&self, _: &mut Tx, cancelled: &Cancelled) -> Result<TooLate, Fault> {
        Ok(TooLate { id: cancelled.id.clone() })
    }
    async fn capture(&self, _: &Call, _: &Paid) -> Result<bool, Fault> {
        nobody()
    }
    async fn captured(
        &self,
        _: &mut Tx,
        paid: &Paid,
        yes: &bool,
    ) -> Result<Verdict<Captured, Declined>, Fault> {
        let id = paid.id.clone();
        Ok(if *yes { Verdict::Yes(Captured { id }) } else { Verdict::No(Declined { id }) })
    }
}
