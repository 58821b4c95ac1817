//! The whole flow.

use ballet::saga::Timing;
use ballet::{Plan, Saga, Why, ask, tell};
use shop::contracts::{
    AssessFraud, AuthorizePayment, Authorized, Bill, CancelShipment, CapturePayment, CheckDetails,
    CheckLimit, CloseOrder, CommitStock, CompleteOrder, DispatchShipment, Dispatched, Ending,
    FailedCheck, NotePaid, NoteValid, Order, PrepareShipment, Prepared, Reason, ReleaseStock,
    ReserveStock, VoidPayment,
};
use shop::limits;
use shop::settings::Settings;
use std::time::Duration;

/// Buys what was ordered, or leaves no trace of it. Begun by `OrderCreated`, cancelled by
/// `OrderCancelRequested`.
#[derive(Debug, Clone, Copy)]
pub struct Purchase {
    /// How long each check may take.
    pub check: Duration,
    /// How long payment and parcel may take after that.
    pub pay: Duration,
}

impl From<&Settings> for Purchase {
    fn from(settings: &Settings) -> Self {
        Self { check: settings.validation_wait, pay: settings.payment_wait }
    }
}

/// As patient as the shop usually is.
impl Default for Purchase {
    fn default() -> Self {
        Self::from(&Settings::default())
    }
}

impl Saga for Purchase {
    const NAME: &'static str = "purchase";
    type Input = Order;

    fn plan() -> Plan<Self> {
        Plan::begin()
            .compensate(Self::close_order)
            .together(|side| {
                side.step("check-details", ask(Self::check_details).leaves_nothing())
                    .step("assess-fraud", ask(Self::assess_fraud).leaves_nothing())
                    .step(
                        "check-limit",
                        ask(Self::check_limit).leaves_nothing().when(Self::has_limit),
                    )
                    .step("reserve-stock", ask(Self::reserve).compensate(Self::release))
            })
            .step("note-valid", tell(Self::note_valid))
            .step("authorize", ask(Self::authorize).compensate(Self::void))
            .step("prepare-shipment", ask(Self::prepare).compensate(Self::unpack))
            .step("capture", ask(Self::capture).pivot())
            .step("note-paid", tell(Self::note_paid))
            .together(|side| {
                side.step("dispatch", ask(Self::dispatch))
                    .step("commit-stock", ask(Self::commit_stock))
            })
            .step("complete-order", ask(Self::complete_order))
            .end()
    }

    fn timing(&self, timing: &mut Timing<'_>) {
        timing.run(self.check + self.pay);
        for check in ["check-details", "assess-fraud", "check-limit", "reserve-stock"] {
            timing.within(check, self.check);
        }
        timing.within("authorize", self.pay).within("prepare-shipment", self.pay);
    }
}

impl Purchase {
    fn check_details(order: &Order) -> CheckDetails {
        CheckDetails { order: order.clone() }
    }

    fn assess_fraud(order: &Order) -> AssessFraud {
        AssessFraud { order: order.clone() }
    }

    fn has_limit(order: &Order) -> bool {
        limits::is_required(order)
    }

    fn check_limit(order: &Order) -> CheckLimit {
        CheckLimit { order: order.clone() }
    }

    fn reserve(order: &Order) -> ReserveStock {
        ReserveStock { order_id: order.order_id.clone(), lines: order.lines.clone() }
    }

    fn release(order: &Order, why: &Why) -> ReleaseStock {
        ReleaseStock { order_id: order.order_id.clone(), reason: ending(why).status() }
    }

    fn note_valid(order: &Order) -> NoteValid {
        NoteValid { order_id: order.order_id.clone() }
    }

    fn authorize(order: &Order) -> AuthorizePayment {
        AuthorizePayment { bill: Bill::from(order) }
    }

    fn void(order: &Order) -> VoidPayment {
        VoidPayment { order_id: order.order_id.clone() }
    }

    fn prepare(order: &Order) -> PrepareShipment {
        let (order_id, customer_id) = (order.order_id.clone(), order.customer_id.clone());
        PrepareShipment { order_id, customer_id }
    }

    fn unpack(order: &Order) -> CancelShipment {
        CancelShipment { order_id: order.order_id.clone() }
    }

    fn capture(order: &Order, authorized: &Authorized) -> CapturePayment {
        let (order_id, auth_ref) = (order.order_id.clone(), authorized.auth_ref.clone());
        CapturePayment { order_id, auth_ref }
    }

    fn note_paid(order: &Order) -> NotePaid {
        NotePaid { order_id: order.order_id.clone() }
    }

    fn dispatch(order: &Order) -> DispatchShipment {
        DispatchShipment { order_id: order.order_id.clone() }
    }

    fn commit_stock(order: &Order) -> CommitStock {
        CommitStock { order_id: order.order_id.clone() }
    }

    fn complete_order(order: &Order, prepared: &Prepared, parcel: &Dispatched) -> CompleteOrder {
        let (order_id, shipment_id) = (order.order_id.clone(), prepared.shipment_id.clone());
        CompleteOrder { order_id, shipment_id, tracking_no: parcel.tracking_no.clone() }
    }

    fn close_order(order: &Order, why: &Why) -> CloseOrder {
        CloseOrder { order_id: order.order_id.clone(), ending: ending(why) }
    }
}

/// How an order ends whose purchase is taken back: a wish to cancel weighs most, then failed
/// checks, all of them, then any other no; what is left did not answer in time.
fn ending(why: &Why) -> Ending {
    let refusals = || why.refusals.iter().map(|(_, refusal)| refusal);
    let failed_checks: Vec<FailedCheck> = refusals().filter_map(FailedCheck::of).collect();
    match why.cancelled {
        Some(_) => Ending::Cancelled { reason: Reason::CustomerCancelled },
        None if !failed_checks.is_empty() => Ending::Invalid { failed_checks },
        None => Ending::Cancelled {
            reason: refusals().find_map(Reason::of).unwrap_or(Reason::Deadline),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::ending;
    use ballet::{Refusal, Why};
    use shop::contracts::{Ending, OrderValidation, Reason};

    fn check_failed(check: &str) -> (String, Refusal) {
        let said = OrderValidation::new("1", check, vec!["no".to_owned()]);
        (format!("check-{check}"), said.refusal())
    }

    fn refused(reason: Reason) -> Vec<(String, Refusal)> {
        vec![("a-step".to_owned(), Refusal::new(reason.code(), ""))]
    }

    #[test]
    fn all_failed_checks_are_named() {
        let refusals = vec![check_failed("fraud"), check_failed("inventory")];
        let why = Why { refusals, late: vec!["check-details".to_owned()], ..Why::default() };
        let Ending::Invalid { failed_checks } = ending(&why) else { panic!("it is invalid") };
        let failed: Vec<&str> = failed_checks.iter().map(|failed| failed.check.as_str()).collect();
        assert_eq!(failed, ["fraud", "inventory"]);
    }

    #[test]
    fn any_other_no_is_the_reason() {
        for reason in [
            Reason::Declined,
            Reason::UnknownCustomer,
            Reason::Undeliverable,
            Reason::CaptureFailed,
        ] {
            let why = Why { refusals: refused(reason), ..Why::default() };
            assert_eq!(ending(&why), Ending::Cancelled { reason });
        }
    }

    #[test]
    fn a_wish_to_cancel_weighs_most() {
        let cancelled = Some("the customer asked".to_owned());
        let why = Why { refusals: vec![check_failed("fraud")], cancelled, late: Vec::new() };
        assert_eq!(ending(&why), Ending::Cancelled { reason: Reason::CustomerCancelled });
    }

    #[test]
    fn what_did_not_answer_was_late() {
        let why = Why { late: vec!["deadline".to_owned()], ..Why::default() };
        assert_eq!(ending(&why), Ending::Cancelled { reason: Reason::Deadline });
    }
}
