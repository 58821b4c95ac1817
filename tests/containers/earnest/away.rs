//! Who is not there: between commit and publish (C1), for a whole run (C5), or with all it had (C6).

use super::crowd::{Bought, Wish, ended, place};
use super::house::{House, LONG, Parts, until};
use ballet::Key;
use ballet::clock::Stopwatch;
use ballet::id::{derived, fresh};
use containers::books::{self, Office};
use futures::future::join_all;
use shop::contracts::{Address, CUSTOMERS, Customer, FRAUD, INVENTORY, Level, ORDERS, PAYMENTS};
use shop::contracts::{SHIPPING, SaveCustomer};
use shop::customers::Addresses;
use shop::fakes::World;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::time::Duration;

/// How many events of this name were published about an order.
async fn said(house: &House, order: &str, name: &str) -> usize {
    let log = books::log(&house.shop).await;
    let is_it = |message: &&ballet::Message| {
        message.envelope.name == name && message.envelope.correlation == order
    };
    log.partitions.values().flatten().filter(is_it).count()
}

/// C1: Orders dies before or after the commit that creates an order, and before anybody hears of it. As long
/// as it is dead nothing is said of the order; when it is back it is created, once, for everybody.
async fn an_event_waits_for_its_publisher(house: &House, parts: &mut Parts) {
    for point in ["commit", "committed", "produce"] {
        house.doom(ORDERS, point, 0);
        let key = format!("c1/{point}");
        let order = derived(&["order", &key]).to_string();
        let dies_and_comes_back = async {
            house.has_died(ORDERS, point, parts.process(ORDERS)).await;
            assert_eq!(said(house, &order, "order.created").await, 0, "at {point}");
            parts.restart(house, ORDERS).await;
        };
        // Whether it was acknowledged before that is decided by who is faster.
        let (bought, ()) = tokio::join!(place(house, &key, Wish::Good, 0), dies_and_comes_back);
        assert_eq!(bought.order, order);
        ended(house, &bought).await;
        for event in ["order.created", "stock.reserved", "payment.captured", "order.shipped"] {
            assert_eq!(said(house, &bought.order, event).await, 1, "{event} after {point}");
        }
    }
}

/// So many orders, placed one after the other: how long that took, and what they are.
async fn a_row_of_orders(house: &House, name: &str, count: usize) -> (Duration, Vec<Bought>) {
    let (watch, mut all) = (Stopwatch::start(), Vec::new());
    for number in 0..count {
        all.push(place(house, &format!("{name}/{number}"), Wish::Good, number).await);
    }
    (watch.elapsed(), all)
}

/// C5: a service is away for a whole run. Orders are accepted as ever; what waits for it is done when it is
/// back.
async fn orders_are_accepted_whoever_is_away(house: &House, parts: &mut Parts) {
    const COUNT: usize = 30;
    let (usual, mut all) = a_row_of_orders(house, "all", COUNT).await;
    for service in [FRAUD, INVENTORY, PAYMENTS, SHIPPING] {
        parts.kill(service).await;
        let (took, waiting) = a_row_of_orders(house, service, COUNT).await;
        println!(
            "{COUNT} orders were accepted in {took:?} without {service}, and usually in {usual:?}"
        );
        // The machine may be busy with something else.
        assert!(took < 2 * usual + Duration::from_secs(2), "without {service}");
        for Bought { order, .. } in &waiting {
            let path = format!("/v1/orders/{order}?timeout=20000");
            let said = house.try_ask(ORDERS, ("GET", &path), &[], "").await.unwrap();
            let status = said.json()["status"].clone();
            assert!(status == "created" || status == "valid", "without {service}: {said:?}");
        }
        parts.restart(house, service).await;
        all.extend(waiting);
    }
    let watch = Stopwatch::start();
    join_all(all.iter().map(|bought| ended(house, bought))).await;
    println!("the last of them ended {:?} after all were back", watch.elapsed());
}

fn living_at(id: &str, line1: &str) -> Customer {
    Customer {
        customer_id: id.to_owned(),
        name: format!("Customer {id}"),
        email: format!("{id}@shop.example"),
        address: Address {
            line1: line1.to_owned(),
            city: "Vienna".to_owned(),
            postcode: "1010".to_owned(),
            country: "AT".to_owned(),
        },
        level: Level::Bronze,
    }
}

/// A customer moves house. How long it took until Shipping knew.
async fn moves(office: &Office, id: &str, line1: &str) -> Duration {
    let ask = SaveCustomer { customer: living_at(id, line1) };
    let customers = office.app(CUSTOMERS);
    let asked = customers.request(&fresh().to_string(), &Key::new(id), &ask).await.unwrap();
    asked.reply(LONG).await.unwrap().expect("it is answered").unwrap();
    let watch = Stopwatch::start();
    let (shipping, id) = (office.app(SHIPPING), id.to_owned());
    until("Shipping knows", async || {
        let known = shipping.view::<Addresses>(&id).await.unwrap();
        known.is_some_and(|known| known.address.line1 == line1)
    })
    .await;
    watch.elapsed()
}

/// The first line of the address to which the parcel of an order went.
async fn sent_to(house: &House, bought: &Bought) -> String {
    let path = format!("/v1/orders/{}", bought.order);
    let said = house.try_ask(ORDERS, ("GET", &path), &[], "").await.unwrap().json();
    let world = World::kept_beside(house.shop.outside()).unwrap();
    let parcels = world.carrier.parcels();
    let parcel = parcels.iter().find(|parcel| said["tracking_no"] == *parcel.tracking_no);
    parcel.unwrap_or_else(|| panic!("nobody has the parcel of {said}")).address.line1.clone()
}

/// As the owner of all schemas.
async fn execute(house: &House, text: &str) {
    let url = house.shop.database().superuser_url();
    let mut db = PgConnection::connect(&url).await.unwrap();
    db.execute(AssertSqlSafe(text.to_owned())).await.unwrap();
}

/// C6: Customers is gone, and so is all it has. Whatever is bought goes where the customers were last known
/// to live. When it is back, and somebody moves, the next parcel follows.
async fn parcels_find_their_way_without_customers(house: &House, parts: &mut Parts) {
    const COUNT: usize = 100;
    let office = Office::of(&house.shop).await;
    let lag = moves(&office, "c1", "1 New Street").await;
    println!("Shipping knew of a new address after {lag:?}");
    parts.kill(CUSTOMERS).await;
    execute(house, "ALTER SCHEMA customers RENAME TO gone").await;
    let (_, all) = a_row_of_orders(house, "c6", COUNT).await;
    join_all(all.iter().map(|bought| ended(house, bought))).await;
    for (number, bought) in all.iter().enumerate() {
        // What is bought goes to c1 to c20 in turn.
        let customer = 1 + number % 20;
        let street = if customer == 1 { "New" } else { "Main" };
        assert_eq!(sent_to(house, bought).await, format!("{customer} {street} Street"));
    }
    execute(house, "ALTER SCHEMA gone RENAME TO customers").await;
    parts.restart(house, CUSTOMERS).await;
    moves(&office, "c1", "1 Newest Street").await;
    let bought = place(house, "c6/moved", Wish::Good, 0).await;
    ended(house, &bought).await;
    assert_eq!(sent_to(house, &bought).await, "1 Newest Street");
}

async fn somebody_is_away(example: &'static str) {
    let house = House::with_seats(example).await;
    let mut parts = house.all().await;
    an_event_waits_for_its_publisher(&house, &mut parts).await;
    orders_are_accepted_whoever_is_away(&house, &mut parts).await;
    parcels_find_their_way_without_customers(&house, &mut parts).await;
    house.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c1_c5_c6_a_shop_with_a_coordinator_goes_on_whoever_is_away() {
    somebody_is_away("orchestrated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c1_c5_c6_a_shop_without_one_goes_on_whoever_is_away() {
    somebody_is_away("choreographed").await;
}
