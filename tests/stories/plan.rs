//! The whole purchase tested as a plan: given an input expect a command, given a reply expect the
//! next one. No store, no broker, no runtime; the only clock is that of the story.

use ballet::clock::Time;
use ballet::saga::journal::End;
use ballet::story::SagaStory;
use expect_test::{Expect, expect};
use orchestrated::Purchase;
use shop::contracts::{
    AssessFraud, AuthorizePayment, Authorized, CancelShipment, CapturePayment, Captured,
    CheckDetails, CloseOrder, CommitStock, CompleteOrder, DetailsFine, DispatchShipment,
    Dispatched, Ending, FraudScore, Order, PlaceOrder, PrepareShipment, Prepared, Reason,
    ReleaseStock, ReserveStock, StockHeld, VoidPayment,
};
use shop::orders::{Moment, Row, USUAL_CHECKS};
use shop::stage::Stage;
use std::time::Duration;

fn order() -> Order {
    let now = Moment { at: Time::from_micros(7), cause: "test.ran", actor: "test" };
    let placed = PlaceOrder { order_id: "1".to_owned(), order: Stage::basket("eva", 1, "ipad") };
    let checks = USUAL_CHECKS.map(str::to_owned).into();
    let (_, created) = Row::open(&placed, checks, Duration::from_secs(600), now);
    Order::clone(&created)
}

/// The order has passed its checks, and the money is kept ready.
fn authorized() -> SagaStory<Purchase> {
    let mut story = SagaStory::begin(Purchase::default(), &order());
    assert_eq!(story.command::<ReserveStock>().lines, order().lines);
    story.reply::<CheckDetails>(DetailsFine {});
    story.reply::<AssessFraud>(FraudScore { window_total_minor: 7 });
    story.reply::<ReserveStock>(StockHeld { expires_at: Time::default() });
    assert_eq!(story.command::<AuthorizePayment>().bill.amount_minor, order().total_minor);
    story.reply::<AuthorizePayment>(Authorized { auth_ref: "auth-1".to_owned() });
    story
}

#[track_caller]
fn check(story: &SagaStory<Purchase>, end: End, expected: Expect) {
    assert_eq!(story.end(), Some(end));
    expected.assert_eq(&story.told());
}

#[test]
fn a_purchase_in_which_all_goes_well_completes() {
    let mut story = authorized();
    story.reply::<PrepareShipment>(Prepared { shipment_id: "ship-1".to_owned() });
    assert_eq!(story.command::<CapturePayment>().auth_ref, "auth-1");
    story.reply::<CapturePayment>(Captured { capture_ref: "capture-1".to_owned() });
    story.reply::<DispatchShipment>(Dispatched { tracking_no: "track-1".to_owned() });
    story.reply::<CommitStock>(());
    assert_eq!(story.command::<CompleteOrder>().tracking_no, "track-1");
    story.reply::<CompleteOrder>(());
    check(
        &story,
        End::Completed,
        expect![[r#"
        check-limit       skipped
        check-details     done
        assess-fraud      done
        reserve-stock     done
        note-valid        done
        authorize         done
        prepare-shipment  done
        capture           done
        note-paid         done
        dispatch          done
        commit-stock      done
        complete-order    done
        completed
    "#]],
    );
}

#[test]
fn a_purchase_that_cannot_be_captured_is_taken_back_in_reverse() {
    let mut story = authorized();
    story.reply::<PrepareShipment>(Prepared { shipment_id: "ship-1".to_owned() });
    story.refuse::<CapturePayment>("capture_failed", "the hold has lapsed");
    assert!(!story.waits_for::<VoidPayment>(), "what came last is taken back first");
    story.take_back::<CancelShipment>();
    story.take_back::<VoidPayment>();
    story.take_back::<ReleaseStock>();
    story.take_back::<CloseOrder>();
    check(
        &story,
        End::Compensated,
        expect![[r#"
        check-limit       skipped
        check-details     done
        assess-fraud      done
        reserve-stock     done
        note-valid        done
        authorize         done
        prepare-shipment  done
        capture           refused: capture_failed: the hold has lapsed
        prepare-shipment  taken back
        authorize         taken back
        reserve-stock     taken back
        begin             taken back
        compensated
    "#]],
    );
}

#[test]
fn a_purchase_that_is_cancelled_does_not_wait_for_its_checks() {
    let mut story = SagaStory::begin(Purchase::default(), &order());
    story.reply::<ReserveStock>(StockHeld { expires_at: Time::default() });
    story.cancel("she has changed her mind");
    story.take_back::<ReleaseStock>();
    let ending = Ending::Cancelled { reason: Reason::CustomerCancelled };
    assert_eq!(story.command::<CloseOrder>().ending, ending);
    story.take_back::<CloseOrder>();
    check(
        &story,
        End::Compensated,
        expect![[r#"
        check-limit       skipped
        reserve-stock     done
        cancelled by somebody: she has changed her mind
        check-details     not awaited any more
        assess-fraud      not awaited any more
        reserve-stock     taken back
        begin             taken back
        compensated
    "#]],
    );
}
