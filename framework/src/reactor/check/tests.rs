use super::purchase::*;
use super::support::{A_WHILE, answers, back, check, folded, hears, otherwise, reactor};
use crate::reactor::{And, Choreography, Reactions, Reactor, Verdict, Wait, after};
use crate::{ErrorKind, Fault, Tx};
use expect_test::expect;

#[test]
fn the_purchase_is_whole() {
    check(&purchase(), expect![""]);
}

#[test]
fn all_mistakes_are_told_at_once_as_an_error_of_definition() {
    let error = Choreography::new().with::<Inventory>().check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Definition);
    expect![[r#"
        the choreography is not whole:
        - `inventory` hears `order.cancelled`, which nobody says: add the reactor that
            does, or declare it `.external::<..>()`
        - `inventory` hears `order.created`, which nobody says: add the reactor that
            does, or declare it `.external::<..>()`
        - `inventory` hears `order.invalidated`, which nobody says: add the reactor
            that does, or declare it `.external::<..>()`
        - `inventory` hears `payment.captured`, which nobody says: add the reactor that
            does, or declare it `.external::<..>()`
        - `inventory` says `order.checked`, which nobody hears: add the reactor that
            does, or declare it `.published::<..>()`
        - `inventory` says `stock.committed`, which nobody hears: add the reactor that
            does, or declare it `.published::<..>()`
        - `inventory` says `stock.rejected`, which nobody hears: add the reactor that
            does, or declare it `.published::<..>()`
        - `inventory` says `stock.released`, which nobody hears: add the reactor that
            does, or declare it `.published::<..>()`
        - `inventory` says `stock.reserved`, which nobody hears: add the reactor that
            does, or declare it `.published::<..>()`
    "#]]
    .assert_eq(&error.to_string().lines().map(folded).collect::<String>());
}

#[test]
fn two_reactors_have_two_names() {
    check(
        &purchase().with::<Fraud>(),
        expect![[r#"
            two reactors are called `fraud`: give each a `NAME` of its own
        "#]],
    );
}

#[test]
fn an_event_is_heard_forward_on_one_line_and_takes_a_line_back_once() {
    reactor!(
        Twice = "twice",
        Reactions::new().on::<OrderCreated>(hears::<_, _, ()>()).on::<OrderCreated>(
            hears::<_, _, ()>()
                .compensate_on::<OrderCancelled>(back::<_, _, _, ()>)
                .compensate_on::<OrderCancelled>(back::<_, _, _, ()>)
        )
    );
    let whole = Choreography::new().with::<Twice>();
    check(
        &whole.external::<OrderCreated>().external::<OrderCancelled>(),
        expect![[r#"
            `twice` hears `order.created` on two lines: do both in one reaction, or in two
                reactors
            `twice` takes `order.created` back twice on `order.cancelled`: leave one
                compensation out
        "#]],
    );
}

#[test]
fn two_waits_have_two_names() {
    fn wait<R: Reactor>() -> Wait<R> {
        after::<OrderCreated>()
            .until::<(OrderPaid,)>()
            .within(A_WHILE, otherwise::<_, _, Option<OrderCancelled>>)
    }
    reactor!(Patient = "patient", Reactions::new().expect("pay", wait()).expect("pay", wait()));
    let whole = Choreography::new().with::<Patient>().published::<OrderCancelled>();
    check(
        &whole.external::<OrderCreated>().external::<OrderPaid>(),
        expect![[r#"
            `patient` has two waits called `pay`: rename one of them
        "#]],
    );
}

#[test]
fn a_command_is_answered_by_its_addressee() {
    reactor!(
        Desk = "desk",
        Reactions::new().to::<PlaceOrder>(answers::<_, _, And<(), OrderCreated>>())
    );
    check(
        &Choreography::new().with::<Desk>().published::<OrderCreated>(),
        expect![[r#"
            `desk` answers `order.place`, which is addressed to `orders`: answer it in the
                reactor of that name
        "#]],
    );
}

#[test]
fn a_reactor_is_compensated_by_events_or_by_commands() {
    async fn back_for<R: Sync>(_: &R, _: &mut Tx, _: &CancelOrder, _: &()) -> Result<(), Fault> {
        Ok(())
    }
    reactor!(
        Both = "orders",
        Reactions::new()
            .on::<OrderCreated>(
                hears::<_, _, ()>().compensate_on::<OrderCancelled>(back::<_, _, _, ()>)
            )
            .to::<PlaceOrder>(answers::<_, _, ()>().compensate_by::<CancelOrder>(back_for))
    );
    let whole = Choreography::new().with::<Both>();
    check(
        &whole.external::<OrderCreated>().external::<OrderCancelled>(),
        expect![[r#"
            `orders` is compensated by the event `order.cancelled` and by the command
                `order.cancel`: make two reactors over the same functions, one that reacts
                and one that answers
        "#]],
    );
}

#[test]
fn what_is_heard_or_awaited_is_said_by_somebody() {
    reactor!(
        Deaf = "deaf",
        Reactions::new().on::<OrderPaid>(hears::<_, _, ()>()).expect(
            "parcel",
            after::<OrderPaid>().until::<(OrderShipped,)>().within(A_WHILE, otherwise::<_, _, ()>)
        )
    );
    check(
        &Choreography::new().with::<Deaf>(),
        expect![[r#"
            `deaf` awaits `order.shipped`, which nobody says: add the reactor that does, or
                declare it `.external::<..>()`
            `deaf` hears `order.paid`, which nobody says: add the reactor that does, or
                declare it `.external::<..>()`
        "#]],
    );
    check(
        &Choreography::new().with::<Deaf>().external::<OrderPaid>().external::<OrderShipped>(),
        expect![""],
    );
}

#[test]
fn what_is_said_is_heard_by_somebody_whoever_says_it() {
    reactor!(
        Loud = "orders",
        Reactions::new()
            .to::<PlaceOrder>(answers::<_, _, And<(), OrderCreated>>())
            .on::<OrderValidated>(
                hears::<_, _, Verdict<(), OrderPaid>>()
                    .compensate_on::<OrderCancelRequested>(back::<_, _, _, OrderCancelled>)
                    .too_late::<OrderCancelRequested, OrderCancelRefused>(otherwise)
            )
    );
    let whole = Choreography::new().with::<Loud>();
    let whole = whole.external::<OrderValidated>().external::<OrderCancelRequested>();
    check(
        &whole,
        expect![[r#"
            `orders` says `order.cancel_refused`, which nobody hears: add the reactor that
                does, or declare it `.published::<..>()`
            `orders` says `order.cancelled`, which nobody hears: add the reactor that does,
                or declare it `.published::<..>()`
            `orders` says `order.created`, which nobody hears: add the reactor that does,
                or declare it `.published::<..>()`
            `orders` says `order.paid`, which nobody hears: add the reactor that does, or
                declare it `.published::<..>()`
        "#]],
    );
    let whole = whole.published::<OrderCreated>().published::<OrderPaid>();
    check(&whole.published::<OrderCancelled>().published::<OrderCancelRefused>(), expect![""]);
}

#[test]
fn a_topic_has_one_writer_unless_it_says_otherwise() {
    reactor!(One = "one", Reactions::new().on::<OrderCreated>(hears::<_, _, OrderPaid>()));
    reactor!(
        Other = "other",
        Reactions::new().on::<OrderPaid>(hears::<_, _, (OrderShipped, OrderValidation)>())
    );
    reactor!(
        Third = "third",
        Reactions::new().on::<OrderShipped>(hears::<_, _, OrderValidation>())
    );
    let whole = Choreography::new().with::<One>().with::<Other>().with::<Third>();
    check(
        &whole.external::<OrderCreated>().published::<OrderValidation>(),
        expect![[r#"
            topic `shop.orders.v1` is written by `one`, `other`: give each a topic of its
                own, or declare it `many writers`
        "#]],
    );
}

#[test]
fn a_loop_has_an_exit() {
    reactor!(Ping = "ping", Reactions::new().on::<OrderCreated>(hears::<_, _, StockReserved>()));
    reactor!(Pong = "pong", Reactions::new().on::<StockReserved>(hears::<_, _, OrderCreated>()));
    reactor!(
        Tired = "tired",
        Reactions::new().on::<StockReserved>(hears::<_, _, Option<OrderCreated>>())
    );
    check(
        &Choreography::new().with::<Ping>().with::<Pong>(),
        expect![[r#"
            the loop `order.created`, `stock.reserved` has no exit: let one of `ping`,
                `pong` say only perhaps what it says (`Option`, `Verdict`)
        "#]],
    );
    check(&Choreography::new().with::<Ping>().with::<Tired>(), expect![""]);
}
