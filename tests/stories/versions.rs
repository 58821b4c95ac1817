//! A3: "deploy definition v2 while 50 v1 sagas are in flight: v1 finish on v1, new ones use v2". Only
//! a coordinator has a definition, so this is for one cast.

use ballet::{App, Plan, Saga, Why, ask, tell};
use orchestrated::{CAST, Purchase};
use shop::cast::{Player, Starting};
use shop::contracts::{
    AssessFraud, AuthorizePayment, Authorized, Bill, CancelShipment, CapturePayment, CheckDetails,
    CloseOrder, CommitStock, CompleteOrder, DispatchShipment, Dispatched, Ending, INVENTORY,
    NotePaid, NoteValid, Order, OrderCreated, PrepareShipment, Prepared, Reason, ReleaseStock,
    ReserveStock, Status, VoidPayment,
};
use shop::fakes::World;
use shop::stage::Stage;

/// The next version of the purchase: it makes one check after the other, the cheapest first.
struct Thrifty;

impl Saga for Thrifty {
    const NAME: &'static str = Purchase::NAME;
    const VERSION: u32 = Purchase::VERSION + 1;
    type Input = Order;

    fn plan() -> Plan<Self> {
        Plan::begin()
            .compensate(Self::close)
            .step("check-details", ask(Self::check_details).leaves_nothing())
            .step("assess-fraud", ask(Self::assess_fraud).leaves_nothing())
            .step("reserve-stock", ask(Self::reserve).compensate(Self::release))
            .step("note-valid", tell(Self::note_valid))
            .step("authorize", ask(Self::authorize).compensate(Self::void))
            .step("prepare-shipment", ask(Self::prepare).compensate(Self::unpack))
            .step("capture", ask(Self::capture).pivot())
            .step("note-paid", tell(Self::note_paid))
            .step("commit-stock", ask(Self::commit))
            .step("dispatch", ask(Self::dispatch))
            .step("complete-order", ask(Self::complete))
            .end()
    }
}

impl Thrifty {
    fn close(order: &Order, _: &Why) -> CloseOrder {
        let ending = Ending::Cancelled { reason: Reason::Deadline };
        CloseOrder { order_id: order.order_id.clone(), ending }
    }
    fn check_details(order: &Order) -> CheckDetails {
        CheckDetails { order: order.clone() }
    }
    fn assess_fraud(order: &Order) -> AssessFraud {
        AssessFraud { order: order.clone() }
    }
    fn reserve(order: &Order) -> ReserveStock {
        ReserveStock { order_id: order.order_id.clone(), lines: order.lines.clone() }
    }
    fn release(order: &Order) -> ReleaseStock {
        ReleaseStock { order_id: order.order_id.clone(), reason: Status::Cancelled }
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
    fn capture(order: &Order, kept: &Authorized) -> CapturePayment {
        let (order_id, auth_ref) = (order.order_id.clone(), kept.auth_ref.clone());
        CapturePayment { order_id, auth_ref }
    }
    fn note_paid(order: &Order) -> NotePaid {
        NotePaid { order_id: order.order_id.clone() }
    }
    fn commit(order: &Order) -> CommitStock {
        CommitStock { order_id: order.order_id.clone() }
    }
    fn dispatch(order: &Order) -> DispatchShipment {
        DispatchShipment { order_id: order.order_id.clone() }
    }
    fn complete(order: &Order, ready: &Prepared, parcel: &Dispatched) -> CompleteOrder {
        let (order_id, shipment_id) = (order.order_id.clone(), ready.shipment_id.clone());
        CompleteOrder { order_id, shipment_id, tracking_no: parcel.tracking_no.clone() }
    }
}

fn upgraded(app: App) -> Starting {
    let app = app.saga(Thrifty).former(Purchase::default());
    let begin = |said: &OrderCreated| Some((said.order_id.clone(), said.order.clone()));
    Box::pin(app.begun_by::<OrderCreated>(begin).start())
}

async fn version_of(stage: &Stage, order_id: &str) -> u32 {
    let journal = stage.office(Purchase::NAME).run::<Purchase>(order_id).journal().await.unwrap();
    journal.expect("the purchase was begun").version
}

#[tokio::test(start_paused = true)]
async fn a3_fifty_purchases_under_way_finish_on_their_plan_and_new_ones_follow_the_new() {
    let mut stage = Stage::open(CAST).await;
    stage.stock("ipad", 60).await;
    for number in 0..=50 {
        stage.customer(&number.to_string(), "AT").await;
    }
    stage.kill(INVENTORY).await;
    for number in 0..50 {
        stage.buy(&number.to_string(), &number.to_string(), 1).await;
    }
    stage.seconds(2).await;

    stage.kill(Purchase::NAME).await;
    let start: fn(App, &World) -> Starting = |app, _| upgraded(app);
    stage.start_as(Player { name: Purchase::NAME, start, topics: |topology| topology }).await;
    stage.start(INVENTORY).await;
    stage.buy("50", "50", 1).await;

    assert_eq!(stage.quiet().await.shipped, 51);
    for number in 0..50 {
        assert_eq!(version_of(&stage, &number.to_string()).await, Purchase::VERSION);
    }
    assert_eq!(version_of(&stage, "50").await, Thrifty::VERSION);
    stage.curtain().await;
}
