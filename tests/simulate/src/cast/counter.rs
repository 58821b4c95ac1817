//! A choreography: a counter where things are ordered, packed and cancelled, and the money behind it.
//!
//! Money is held on `Ordered`, taken on `Packed` (the pivot, an outside call), and released on `CancelAsked`
//! or when nobody packs in time. Pivot and release exclude each other.

use super::outside::Side;
use super::{record, weather::Weather};
use ballet::{
    And, Call, Fault, Reactions, Reactor, StepError, Table, Tx, Verdict, after, answer, look,
    react, refuse,
};
use std::time::Duration;

record! {
    Order { id: String }
    Pack { id: String }
    Cancel { id: String }
    Ordered { id: String }
    Packed { id: String }
    CancelAsked { id: String }
    GaveUp { id: String }
    Paid { id: String }
    Refused { id: String }
    Cancelled { id: String }
    TooLate { id: String }
}

ballet::topic! { /** What the counter says. */ pub ORDERS = "sim.orders", key id {
    Ordered = "order.ordered", Packed = "order.packed", CancelAsked = "order.cancel-asked",
    GaveUp = "order.gave-up",
} }
ballet::topic! { /** What the money says. */ pub MONEY = "sim.money", key id {
    Paid = "money.paid", Refused = "money.refused", Cancelled = "money.cancelled",
    TooLate = "money.too-late",
} }
ballet::service! { /** What clients ask. */ pub COUNTER = "counter" {
    Order = "counter.order" -> (), Pack = "counter.pack" -> (), Cancel = "counter.cancel" -> (),
} }

/// What was ordered.
pub const PLACED: Table<String, bool> = Table::new("placed");
/// For what money is held.
pub const HELD: Table<String, bool> = Table::new("held");

const PATIENCE: Duration = Duration::from_secs(15);

/// What clients ask.
#[derive(Debug)]
pub struct Counter;

impl Reactor for Counter {
    const NAME: &'static str = "counter";
    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .to::<Order>(answer(Self::order).leaves_nothing())
            .to::<Pack>(answer(Self::pack).leaves_nothing())
            .to::<Cancel>(answer(Self::cancel).leaves_nothing())
            .expect(
                "money",
                after::<Ordered>().until::<(Paid, Cancelled)>().within(PATIENCE, Self::give_up),
            )
    }
}

async fn is_placed(tx: &mut Tx, id: &String) -> Result<(), StepError> {
    match tx.get(PLACED, id).await? {
        Some(true) => Ok(()),
        _ => Err(refuse("unknown", id)),
    }
}

impl Counter {
    async fn order(&self, tx: &mut Tx, c: &Order) -> Result<And<(), Ordered>, StepError> {
        tx.put(PLACED, &c.id, &true)?;
        Ok(And((), Ordered { id: c.id.clone() }))
    }
    async fn pack(&self, tx: &mut Tx, c: &Pack) -> Result<And<(), Packed>, StepError> {
        is_placed(tx, &c.id).await?;
        Ok(And((), Packed { id: c.id.clone() }))
    }
    async fn cancel(&self, tx: &mut Tx, c: &Cancel) -> Result<And<(), CancelAsked>, StepError> {
        is_placed(tx, &c.id).await?;
        Ok(And((), CancelAsked { id: c.id.clone() }))
    }
    async fn give_up(&self, _: &mut Tx, e: &Ordered) -> Result<GaveUp, Fault> {
        Ok(GaveUp { id: e.id.clone() })
    }
}

/// Holds, takes and releases money.
#[derive(Debug)]
pub struct Money(pub Weather);

impl Reactor for Money {
    const NAME: &'static str = "money";
    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .on::<Ordered>(
                react(Self::hold)
                    .compensate_on::<CancelAsked>(Self::release)
                    .too_late(Self::too_late)
                    .compensate_on::<GaveUp>(Self::give_up)
                    .too_late(Self::gave_up_late),
            )
            .on::<Packed>(look(Self::held).call(Self::take).react(Self::taken).pivot())
    }
}

impl Money {
    async fn hold(&self, tx: &mut Tx, e: &Ordered) -> Result<Verdict<(), Refused>, Fault> {
        let held = tx.get(HELD, &e.id).await?.unwrap_or(false);
        if held {
            return Err(Fault::new("it is held twice"));
        }
        tx.put(HELD, &e.id, &true)?;
        match self.0.ask(&format!("hold/{}", e.id), false) {
            Ok(()) => Ok(Verdict::Yes(())),
            Err(StepError::Refused(_)) => {
                tx.delete(HELD, &e.id);
                Ok(Verdict::No(Refused { id: e.id.clone() }))
            }
            Err(StepError::Fault(fault)) => Err(fault),
        }
    }
    async fn release(
        &self,
        tx: &mut Tx,
        e: &CancelAsked,
        _: &Option<()>,
    ) -> Result<Cancelled, Fault> {
        self.let_go(tx, &e.id).await
    }
    async fn give_up(&self, tx: &mut Tx, e: &GaveUp, _: &Option<()>) -> Result<Cancelled, Fault> {
        self.let_go(tx, &e.id).await
    }
    async fn let_go(&self, tx: &mut Tx, id: &String) -> Result<Cancelled, Fault> {
        tx.delete(HELD, id);
        self.0.tell(&format!("release/{id}"))?;
        Ok(Cancelled { id: id.clone() })
    }
    async fn too_late(&self, _: &mut Tx, e: &CancelAsked) -> Result<TooLate, Fault> {
        Ok(TooLate { id: e.id.clone() })
    }
    async fn gave_up_late(&self, _: &mut Tx, e: &GaveUp) -> Result<TooLate, Fault> {
        Ok(TooLate { id: e.id.clone() })
    }
    async fn held(&self, tx: &mut Tx, e: &Packed) -> Result<Option<bool>, Fault> {
        tx.get(HELD, &e.id).await
    }
    async fn take(&self, call: &Call, e: &Packed, _: &bool) -> Result<(), Fault> {
        self.0.book(&call.key, &format!("money/{}/take", e.id), Side::Forward).await
    }
    async fn taken(&self, tx: &mut Tx, e: &Packed, (): &()) -> Result<Paid, Fault> {
        tx.delete(HELD, &e.id);
        Ok(Paid { id: e.id.clone() })
    }
}
