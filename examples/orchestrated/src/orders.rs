//! Orders: answers requests, begins purchases by saying `OrderCreated`, and notes what the
//! coordinator tells it.

use crate::answers::Noted;
use ballet::{And, Fault, Reactions, Reactor, StepError, Tx, answer, react, refuse};
use shop::contracts::{
    CancelNoted, CancelOrder, CloseOrder, CompleteOrder, NotePaid, NoteValid, ORDERS,
    OrderCancelRefused, OrderCancelRequested, OrderCreated, OrderPaid, OrderShipped,
    OrderValidated, PlaceOrder, Placed, Reason, ReservationExpired, SetRule,
};
use shop::limits;
use shop::orders::{self, Closed};

/// Owns what becomes of orders.
#[derive(Debug, Clone, Copy, Default)]
pub struct Orders;

impl Reactor for Orders {
    const NAME: &'static str = ORDERS;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .to::<PlaceOrder>(answer(Self::place).leaves_nothing())
            .to::<CancelOrder>(answer(Self::cancel).leaves_nothing())
            .to::<SetRule>(answer(Self::set_rule).leaves_nothing())
            .to::<NoteValid>(answer(Self::note_valid).leaves_nothing())
            .to::<NotePaid>(answer(Self::note_paid).leaves_nothing())
            .to::<CompleteOrder>(answer(Self::complete).leaves_nothing())
            .to::<CloseOrder>(answer(Self::close).leaves_nothing())
            .on::<ReservationExpired>(react(Self::expired))
    }
}

impl Orders {
    async fn place(
        &self,
        tx: &mut Tx,
        ask: &PlaceOrder,
    ) -> Result<And<Placed, Option<OrderCreated>>, StepError> {
        let (placed, created) = orders::place(tx, ask).await?;
        Ok(And(placed, created))
    }

    /// Whether it can be cancelled is for the coordinator to decide: here it is only pending.
    async fn cancel(
        &self,
        tx: &mut Tx,
        ask: &CancelOrder,
    ) -> Result<And<CancelNoted, Option<OrderCancelRequested>>, StepError> {
        orders::standing(tx, &ask.order_id).await?;
        let requested = orders::request_cancel(tx, ask, Reason::CustomerCancelled).await?;
        Ok(And(orders::standing(tx, &ask.order_id).await?, requested))
    }

    /// A check that the plan does not ask for cannot be required.
    async fn set_rule(&self, tx: &mut Tx, ask: &SetRule) -> Result<(), StepError> {
        match ask.check == limits::CHECK {
            true => orders::set_rule(tx, ask),
            false => Err(refuse("unknown_check", &ask.check)),
        }
    }

    async fn note_valid(&self, tx: &mut Tx, told: &NoteValid) -> Noted<Option<OrderValidated>> {
        Ok(And((), orders::validate(tx, told).await?))
    }

    /// The pivot is passed: whoever still waits to cancel is told that it is too late.
    async fn note_paid(
        &self,
        tx: &mut Tx,
        told: &NotePaid,
    ) -> Noted<(Option<OrderPaid>, Option<OrderCancelRefused>)> {
        let paid = orders::pay(tx, told).await?;
        Ok(And((), (paid, orders::refuse_cancel(tx, told).await?)))
    }

    async fn complete(&self, tx: &mut Tx, ask: &CompleteOrder) -> Noted<Option<OrderShipped>> {
        Ok(And((), orders::ship(tx, ask, &ask.shipment_id, &ask.tracking_no).await?))
    }

    async fn close(&self, tx: &mut Tx, ask: &CloseOrder) -> Noted<Closed> {
        Ok(And((), orders::close(tx, ask).await?))
    }

    /// The same as if a customer had asked: the coordinator decides.
    async fn expired(
        &self,
        tx: &mut Tx,
        said: &ReservationExpired,
    ) -> Result<Option<OrderCancelRequested>, Fault> {
        orders::request_cancel(tx, said, Reason::Deadline).await
    }
}
