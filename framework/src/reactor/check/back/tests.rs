use crate::reactor::check::purchase::*;
use crate::reactor::check::support::{A_WHILE, answers, back, check, hears, otherwise, reactor};
use crate::reactor::{And, Choreography, Reactions, Reactor, Verdict, after, call};
use crate::{Call, Fault, Tx};
use expect_test::expect;

reactor!(
    Stock = "stock",
    Reactions::new().on::<OrderCreated>(
        hears::<_, _, StockReserved>().compensate_on::<OrderCancelled>(back::<_, _, _, ()>)
    )
);

// Charges what was reserved, or declines.
reactor!(
    Till = "till",
    Reactions::new().on::<StockReserved>(
        hears::<_, _, Verdict<PaymentAuthorized, PaymentDeclined>>()
            .compensate_on::<OrderCancelled>(back::<_, _, _, ()>)
    )
);

fn with_till() -> Choreography {
    Choreography::new()
        .with::<Till>()
        .external::<OrderCreated>()
        .external::<OrderCancelled>()
        .published::<PaymentAuthorized>()
        .published::<PaymentDeclined>()
}

#[test]
fn a_reaction_that_leaves_something_is_taken_back_after_a_later_no() {
    reactor!(Bare = "bare", Reactions::new().on::<OrderCreated>(hears::<_, _, StockReserved>()));
    check(
        &with_till().with::<Bare>(),
        expect![[r#"
            what `bare` does on `order.created` is not taken back after `payment.declined`
                of `till`: add `.compensate_on::<..>(..)` of an event that follows, or say
                `.leaves_nothing()`
        "#]],
    );
}

#[test]
fn a_compensation_that_the_failure_does_not_reach_does_not_count() {
    check(
        &with_till().with::<Stock>(),
        expect![[r#"
            what `stock` does on `order.created` is not taken back after `payment.declined`
                of `till`: add `.compensate_on::<..>(..)` of an event that follows, or say
                `.leaves_nothing()`
        "#]],
    );
}

#[test]
fn a_compensation_may_be_reached_over_others() {
    reactor!(
        Desk = "desk",
        Reactions::new().on::<PaymentDeclined>(hears::<_, _, OrderCancelled>())
    );
    let whole = Choreography::new().with::<Stock>().with::<Till>().with::<Desk>();
    check(&whole.external::<OrderCreated>().published::<PaymentAuthorized>(), expect![""]);
}

#[test]
fn what_leaves_nothing_is_not_taken_back() {
    reactor!(
        Look = "look",
        Reactions::new().on::<OrderCreated>(hears::<_, _, StockReserved>().leaves_nothing())
    );
    check(&with_till().with::<Look>(), expect![""]);
}

#[test]
fn a_no_beside_a_reaction_takes_it_back_too() {
    reactor!(
        Judge = "judge",
        Reactions::new().on::<OrderCreated>(hears::<_, _, Verdict<(), OrderInvalidated>>())
    );
    let whole = Choreography::new().with::<Judge>().with::<Stock>();
    let whole = whole.external::<OrderCreated>().external::<OrderCancelled>();
    let whole = whole.published::<OrderInvalidated>().published::<StockReserved>();
    check(
        &whole,
        expect![[r#"
            what `stock` does on `order.created` is not taken back after
                `order.invalidated` of `judge`: add `.compensate_on::<..>(..)` of an event
                that follows, or say `.leaves_nothing()`
        "#]],
    );
    check(&whole.harmless::<OrderInvalidated>(), expect![""]);
}

#[test]
fn the_end_of_a_wait_takes_back_what_it_waited_after() {
    reactor!(
        Desk = "desk",
        Reactions::new().expect(
            "payment",
            after::<StockReserved>()
                .until::<(PaymentCaptured,)>()
                .within(A_WHILE, otherwise::<_, _, OrderInvalidated>)
        )
    );
    let whole = Choreography::new().with::<Desk>().with::<Stock>().external::<OrderCreated>();
    let whole = whole.external::<OrderCancelled>().external::<PaymentCaptured>();
    check(
        &whole.published::<OrderInvalidated>(),
        expect![[r#"
            what `stock` does on `order.created` is not taken back after
                `order.invalidated` of `desk`: add `.compensate_on::<..>(..)` of an event
                that follows, or say `.leaves_nothing()`
        "#]],
    );
}

#[test]
fn beyond_the_pivot_nothing_is_taken_back() {
    type Captured = Result<PaymentCaptured, Fault>;
    async fn capture<R: Sync>(_: &R, _: &Call, _: &StockReserved) -> Result<(), Fault> {
        Ok(())
    }
    async fn captured<R: Sync>(_: &R, _: &mut Tx, _: &StockReserved, _: &()) -> Captured {
        Err(Fault::new("only drawn"))
    }
    reactor!(
        Bank = "bank",
        Reactions::new().on::<StockReserved>(call(capture).react(captured).pivot())
    );
    reactor!(
        Piggy = "piggy",
        Reactions::new().on::<StockReserved>(call(capture).react(captured).leaves_nothing())
    );
    reactor!(
        Carrier = "carrier",
        Reactions::new()
            .on::<PaymentCaptured>(hears::<_, _, Verdict<ShipmentPrepared, ShipmentRejected>>())
            .on::<ShipmentRejected>(hears::<_, _, ShipmentDispatched>())
    );
    let whole = Choreography::new().with::<Stock>().with::<Carrier>();
    let whole = whole.external::<OrderCreated>().external::<OrderCancelled>();
    let whole = whole.published::<ShipmentPrepared>().published::<ShipmentDispatched>();
    check(&whole.clone().with::<Bank>(), expect![""]);
    check(
        &whole.with::<Piggy>(),
        expect![[r#"
            what `stock` does on `order.created` is not taken back after
                `shipment.rejected` of `carrier`: add `.compensate_on::<..>(..)` of an
                event that follows, or say `.leaves_nothing()`
            what `carrier` does on `payment.captured` is not taken back after
                `order.cancelled`: add `.compensate_on::<..>(..)` of `order.cancelled`, or
                say `.leaves_nothing()`
        "#]],
    );
}

#[test]
fn what_follows_something_that_is_cancelled_is_cancelled_too() {
    reactor!(
        Packing = "packing",
        Reactions::new().on::<StockReserved>(hears::<_, _, ShipmentPrepared>())
    );
    let whole = Choreography::new().with::<Stock>().with::<Packing>();
    let whole = whole.external::<OrderCreated>().external::<OrderCancelled>();
    check(
        &whole.published::<ShipmentPrepared>(),
        expect![[r#"
            what `packing` does on `stock.reserved` is not taken back after
                `order.cancelled`: add `.compensate_on::<..>(..)` of `order.cancelled`, or
                say `.leaves_nothing()`
        "#]],
    );
}

#[test]
fn a_command_may_cancel() {
    reactor!(
        Desk = "orders",
        Reactions::new()
            .to::<PlaceOrder>(answers::<_, _, And<(), OrderCreated>>())
            .to::<CancelOrder>(answers::<_, _, And<(), OrderCancelled>>())
    );
    reactor!(
        Packing = "packing",
        Reactions::new().on::<StockReserved>(hears::<_, _, ShipmentPrepared>())
    );
    let whole = Choreography::new().with::<Desk>().with::<Stock>().with::<Packing>();
    check(
        &whole.published::<ShipmentPrepared>(),
        expect![[r#"
            what `packing` does on `stock.reserved` is not taken back after
                `order.cancelled` of `orders`: add `.compensate_on::<..>(..)` of
                `order.cancelled`, or say `.leaves_nothing()`
        "#]],
    );
}

#[test]
fn a_cancellation_is_nothing_to_those_of_another_flow() {
    reactor!(
        Packing = "packing",
        Reactions::new().on::<PaymentCaptured>(hears::<_, _, ShipmentPrepared>())
    );
    let whole = Choreography::new().with::<Stock>().with::<Packing>();
    let whole = whole.external::<OrderCreated>().external::<OrderCancelled>();
    let whole = whole.external::<PaymentCaptured>().published::<StockReserved>();
    check(&whole.published::<ShipmentPrepared>(), expect![""]);
}

#[test]
fn an_inventory_that_forgets_a_way_back_is_named() {
    reactor!(
        Forgetful = "inventory",
        Reactions::new()
            .on::<OrderCreated>(
                hears::<_, _, Verdict<(StockReserved, OrderValidation), StockRejected>>()
                    .compensate_on::<OrderInvalidated>(back::<_, _, _, StockReleased>)
            )
            .on::<PaymentCaptured>(hears::<_, _, StockCommitted>())
    );
    check(
        &without_inventory().with::<Forgetful>(),
        expect![[r#"
            what `inventory` does on `order.created` is not taken back after
                `order.cancel_requested` of `orders`, or after `order.cancelled` of
                `orders`, or after `payment.capture_failed` of `payments`, or after
                `payment.declined` of `payments`, or after `shipment.rejected` of
                `shipping`: add `.compensate_on::<..>(..)` of `order.cancel_requested`,
                `order.cancelled`, or say `.leaves_nothing()`
        "#]],
    );
}

/// The stock is heard of directly, and not by way of a common event.
#[test]
fn an_inventory_that_is_joined_by_orders_is_whole() {
    reactor!(
        Direct = "inventory",
        Reactions::new().on::<OrderCreated>(
            hears::<_, _, Verdict<StockReserved, StockRejected>>()
                .compensate_on::<OrderInvalidated>(back::<_, _, _, ()>)
                .compensate_on::<OrderCancelled>(back::<_, _, _, ()>)
        )
    );
    reactor!(
        Joining = "joining",
        Reactions::new()
            .on::<StockReserved>(hears::<_, _, Option<OrderValidated>>().leaves_nothing())
            .on::<StockRejected>(hears::<_, _, OrderInvalidated>())
            .on::<PaymentDeclined>(hears::<_, _, OrderCancelled>())
    );
    reactor!(
        Paying = "paying",
        Reactions::new().on::<OrderValidated>(
            hears::<_, _, Verdict<PaymentAuthorized, PaymentDeclined>>()
                .compensate_on::<OrderCancelled>(back::<_, _, _, PaymentVoided>)
        )
    );
    let whole = Choreography::new().with::<Direct>().with::<Joining>().with::<Paying>();
    let whole = whole.external::<OrderCreated>().published::<PaymentAuthorized>();
    check(&whole.published::<PaymentVoided>(), expect![""]);
}
