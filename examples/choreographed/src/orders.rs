//! Orders: answers requests, listens to everybody, and says what becomes of the order.
//!
//! Before an order is valid, Orders alone may give it up. From then on Payments has the last word:
//! Orders only asks, and cancels when it hears that no money will be taken.

use ballet::{And, Fault, Reactions, Reactor, StepError, Tx, Verdict, after, answer, react};
use shop::contracts::{
    CancelNoted, CancelOrder, CancelTooLate, ORDERS, OrderCancelRefused, OrderCancelRequested,
    OrderCancelled, OrderCreated, OrderInvalidated, OrderPaid, OrderShipped, OrderValidated,
    OrderValidation, PaymentCaptureFailed, PaymentCaptured, PaymentDeclined, PaymentVoided,
    PlaceOrder, Placed, Reason, ReservationExpired, SetRule, ShipmentDispatched, ShipmentRejected,
    Status,
};
use shop::orders::{self, Cause, Closed};
use shop::settings::settings;

/// Owns what becomes of orders.
#[derive(Debug, Clone, Copy, Default)]
pub struct Orders;

impl Reactor for Orders {
    const NAME: &'static str = ORDERS;

    fn reactions() -> Reactions<Self> {
        let (check, pay) = (settings().validation_wait, settings().payment_wait);
        Reactions::new()
            .to::<PlaceOrder>(answer(Self::place).leaves_nothing())
            .to::<CancelOrder>(answer(Self::cancel).leaves_nothing())
            .to::<SetRule>(answer(Self::set_rule).leaves_nothing())
            .on::<OrderValidation>(react(Self::decide).leaves_nothing())
            .on::<PaymentCaptured>(react(Self::paid))
            .on::<ShipmentDispatched>(react(Self::shipped))
            .on::<PaymentDeclined>(react(Self::declined))
            .on::<PaymentCaptureFailed>(react(Self::capture_failed))
            .on::<ShipmentRejected>(react(Self::not_shippable))
            .on::<PaymentVoided>(react(Self::voided))
            .on::<CancelTooLate>(react(Self::too_late))
            .on::<ReservationExpired>(react(Self::expired))
            .expect(
                "validation",
                after::<OrderCreated>()
                    .until::<(OrderValidated, OrderInvalidated, OrderCancelled)>()
                    .within(check, Self::decide_late),
            )
            .expect(
                "payment",
                after::<OrderValidated>()
                    .until::<(PaymentCaptured, OrderCancelled)>()
                    .within(pay, Self::give_up),
            )
    }
}

/// What Orders says, unless the order has gone another way.
type Said<E> = Result<Option<E>, Fault>;
/// It is cancelled, or somebody else has to be asked.
type Cancelling = (Option<OrderCancelled>, Option<OrderCancelRequested>);

impl Orders {
    async fn place(
        &self,
        tx: &mut Tx,
        ask: &PlaceOrder,
    ) -> Result<And<Placed, Option<OrderCreated>>, StepError> {
        let (placed, created) = orders::place(tx, ask).await?;
        Ok(And(placed, created))
    }

    async fn cancel(
        &self,
        tx: &mut Tx,
        ask: &CancelOrder,
    ) -> Result<And<CancelNoted, Cancelling>, StepError> {
        orders::standing(tx, &ask.order_id).await?;
        let said = Self::call_off(tx, ask, Reason::CustomerCancelled).await?;
        Ok(And(orders::standing(tx, &ask.order_id).await?, said))
    }

    /// Before the order is valid nobody was asked for money, so it is cancelled here and now.
    async fn call_off(
        tx: &mut Tx,
        cause: &impl Cause,
        reason: Reason,
    ) -> Result<Cancelling, Fault> {
        Ok(match orders::status(tx, cause.order_id()).await? {
            Status::Created => (orders::cancel(tx, cause, reason).await?, None),
            _ => (None, orders::request_cancel(tx, cause, reason).await?),
        })
    }

    async fn set_rule(&self, tx: &mut Tx, ask: &SetRule) -> Result<(), StepError> {
        orders::set_rule(tx, ask)
    }

    async fn decide(
        &self,
        tx: &mut Tx,
        said: &OrderValidation,
    ) -> Said<Verdict<OrderValidated, OrderInvalidated>> {
        orders::hear(tx, said).await
    }

    async fn decide_late(&self, tx: &mut Tx, created: &OrderCreated) -> Result<Closed, Fault> {
        orders::decide_late(tx, created).await
    }

    async fn paid(&self, tx: &mut Tx, said: &PaymentCaptured) -> Said<OrderPaid> {
        orders::pay(tx, said).await
    }

    async fn shipped(&self, tx: &mut Tx, said: &ShipmentDispatched) -> Said<OrderShipped> {
        orders::ship(tx, said, &said.shipment_id, &said.tracking_no).await
    }

    async fn declined(&self, tx: &mut Tx, said: &PaymentDeclined) -> Said<OrderCancelled> {
        orders::cancel(tx, said, Reason::Declined).await
    }

    async fn capture_failed(
        &self,
        tx: &mut Tx,
        said: &PaymentCaptureFailed,
    ) -> Said<OrderCancelled> {
        orders::cancel(tx, said, Reason::CaptureFailed).await
    }

    async fn not_shippable(
        &self,
        tx: &mut Tx,
        said: &ShipmentRejected,
    ) -> Said<OrderCancelRequested> {
        orders::request_cancel(tx, said, said.code).await
    }

    async fn give_up(&self, tx: &mut Tx, valid: &OrderValidated) -> Said<OrderCancelRequested> {
        orders::request_cancel(tx, valid, Reason::Deadline).await
    }

    /// Payments has let go: the order is cancelled, for the reason for which that was asked.
    async fn voided(&self, tx: &mut Tx, said: &PaymentVoided) -> Said<OrderCancelled> {
        orders::cancel(tx, said, Reason::CustomerCancelled).await
    }

    async fn too_late(&self, tx: &mut Tx, said: &CancelTooLate) -> Said<OrderCancelRefused> {
        orders::refuse_cancel(tx, said).await
    }

    /// The same as if the customer had asked.
    async fn expired(&self, tx: &mut Tx, said: &ReservationExpired) -> Result<Cancelling, Fault> {
        Self::call_off(tx, said, Reason::Deadline).await
    }
}
