//! X14: every service dies at every named point, while people buy.
//!
//! The shop goes on all the time. Of each service in turn it is asked that its process die at a point; it
//! must die there, by its own SIGKILL, and say so; then the next one is started. A few are dying at any
//! time, so deaths meet each other, too. What the points are stands in `docs/reference/failpoints.md`.

use super::crowd::Crowd;
use super::house::{House, Parts};
use ballet::Key;
use ballet::clock::{Stopwatch, rest};
use ballet::id::fresh;
use containers::books::Office;
use containers::shop::Part;
use futures::future::join_all;
use serde_json::json;
use shop::contracts::{
    ALERTS, Address, CUSTOMERS, Customer, INVENTORY, Level, NOTIFICATION, ORDERS,
};
use shop::contracts::{PAYMENTS, SHIPPING, SaveCustomer};
use shop::fraud::SHADOW;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many are dying at the same time.
const AT_A_TIME: usize = 3;
/// How long people wait between two things: for most points, and where a lane has to come to rest.
const BRISKLY: Duration = Duration::from_millis(200);
const AT_LEISURE: Duration = Duration::from_secs(4);
/// How many people there are.
const PEOPLE: usize = 3;

/// A point, and when a process comes to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// While it starts.
    Starting(&'static str),
    /// While it works.
    Working(&'static str),
    /// While it works and there is little to do.
    Resting(&'static str),
}

/// Every point that a service comes to.
fn points(example: &str, service: &str) -> Vec<When> {
    use When::{Resting, Starting, Working};
    // One that commits stands between those that do not: a lane that is taken again and again
    // without a batch is handled with care, and that is another test's business.
    let mut all = vec![
        Starting("take"),
        Working("committed"),
        Starting("taken"),
        Working("begin"),
        Working("committed"),
        Working("commit"),
    ];
    match service {
        ORDERS => all.extend([Working("enter"), Working("entered")]),
        INVENTORY | CUSTOMERS => all.extend([Starting("enter"), Starting("entered")]),
        PAYMENTS | SHIPPING | NOTIFICATION => all.extend([Working("call"), Working("called")]),
        _ => {}
    }
    // These two only listen.
    if !matches!(service, ALERTS | "timeline") {
        all.extend([Working("produce"), Working("produced")]);
        if has_the_last_word(example, service) {
            all.extend([Resting("mark"), Resting("marked")]);
        }
    }
    all
}

/// Whether a service says something after which it hears nothing for a while. What others have said by then
/// is written down with its next batch.
fn has_the_last_word(example: &str, service: &str) -> bool {
    match example {
        // Commands come one at a time. This one reads all that is said of orders.
        "orchestrated" => service != SHADOW,
        _ => matches!(service, ORDERS | INVENTORY | PAYMENTS | NOTIFICATION | CUSTOMERS),
    }
}

/// Lets the process of a service die at a point, and starts the next one.
async fn dies(house: &House, part: &mut Part, when: When) {
    let service = part.service.clone();
    let (When::Starting(point) | When::Working(point) | When::Resting(point)) = when;
    house.doom(&service, point, 0);
    if matches!(when, When::Starting(_)) {
        part.process.kill().await;
        part.process = house.begin(&service);
    }
    let watch = Stopwatch::start();
    house.has_died(&service, point, &mut part.process).await;
    let died = watch.elapsed();
    *part = house.start(&service).await;
    println!("{service} died at {point} after {died:?} and was back after {:?}", watch.elapsed());
}

/// One death after the other, with some purchases in between.
async fn dies_everywhere(
    house: &House,
    mut part: Part,
    crowd: &Crowd,
    turns: &Semaphore,
    all: Vec<When>,
) -> (Part, usize) {
    let count = all.len();
    for when in all {
        let turn = turns.acquire().await.unwrap();
        dies(house, &mut part, when).await;
        drop(turn);
        crowd.more(2).await;
    }
    (part, count)
}

/// Customers move house all the time, so that their service has something to do.
async fn move_house(office: &Office, crowd: &Crowd) {
    for number in (1..=20).cycle() {
        let id = format!("c{number}");
        let address = Address {
            line1: format!("{} Side Street", fresh()),
            city: "Vienna".to_owned(),
            postcode: "1010".to_owned(),
            country: "AT".to_owned(),
        };
        let (name, email) = (format!("Customer {number}"), format!("{id}@shop.example"));
        let customer = Customer { customer_id: id, name, email, address, level: Level::Bronze };
        let key = Key::new(&*customer.customer_id);
        let ask = SaveCustomer { customer };
        office.app(CUSTOMERS).request(&fresh().to_string(), &key, &ask).await.unwrap();
        rest(crowd.pace_now()).await;
    }
}

async fn in_every_service_at_every_point(example: &'static str) {
    let house = House::with_seats(example).await;
    let Parts(parts) = house.all().await;
    let rule = json!({"mode": "gating", "enabled": true}).to_string();
    let path = "/dials/rules/limit?timeout=10000";
    let ruled = house.try_ask(ORDERS, ("PUT", path), &[], &rule).await.unwrap();
    assert_eq!(ruled.status, 200, "{ruled:?}");
    let crowd = Crowd::gather(&house, PEOPLE, BRISKLY);
    let office = Office::of(&house.shop).await;
    let (mut parts, mut deaths): (Vec<Part>, _) = (parts.into_values().collect(), 0);
    let dying = async {
        for is_resting in [false, true] {
            crowd.pace(if is_resting { AT_LEISURE } else { BRISKLY });
            let turns = Semaphore::new(if is_resting { usize::from(u8::MAX) } else { AT_A_TIME });
            let dying = parts.drain(..).map(|part| {
                let mut all = points(example, &part.service);
                all.retain(|when| matches!(when, When::Resting(_)) == is_resting);
                dies_everywhere(&house, part, &crowd, &turns, all)
            });
            for (part, count) in join_all(dying).await {
                parts.push(part);
                deaths += count;
            }
        }
    };
    tokio::select! {
        () = dying => {}
        () = move_house(&office, &crowd) => unreachable!("people move all the time"),
    }
    let (bought, slowest) = crowd.go_home().await;
    println!("{example}: {deaths} deaths, {bought} purchases, the slowest took {slowest:?}");
    house.is_sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x14_every_service_of_a_shop_with_a_coordinator_dies_at_every_point() {
    in_every_service_at_every_point("orchestrated").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x14_every_service_of_a_shop_without_one_dies_at_every_point() {
    in_every_service_at_every_point("choreographed").await;
}
