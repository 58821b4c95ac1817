//! What the measurements stand on, without looking at a clock.

use crate::availability::{self, draws, product};
use crate::away::{self, Away};
use crate::baseline::{Baseline, Patience};
use crate::caller::Caller;
use crate::lookup;
use crate::options::Options;
use crate::way::{Shop, Way, an_ipad, buyer};
use bench::setting::Folder;
use shop::contracts::{CUSTOMERS, ORDERS, SHIPPING};
use shop::fakes::Reach;
use std::time::Duration;

/// Much longer than an answer takes.
const LONG: Duration = Duration::from_secs(60);

/// Few of all.
fn few() -> Options {
    Options { while_away: 3, draws: 40, away: 20, lookups: 20, ..Options::default() }
}

async fn baseline(patience: Patience) -> Baseline {
    let folder = Folder::new(&few().folder).unwrap();
    Baseline::open(folder, &[buyer(0), buyer(1)], patience).await.unwrap()
}

/// What buyer 0 and an unknown one are told: a status each.
async fn told(baseline: &Baseline) -> [u16; 2] {
    let customer = Caller::new(LONG);
    let [known, unknown] = [0, 7].map(|number| baseline.submit(&customer, an_ipad(number)));
    [known.await, unknown.await].map(|said| said.unwrap().status.as_u16())
}

#[tokio::test]
async fn a_purchase_by_rest_fails_while_customers_is_away_and_both_of_ours_are_shipped() {
    for service in [CUSTOMERS, SHIPPING] {
        for (way, served) in [(Way::Rest, 0), (Way::Orchestrated, 3), (Way::Choreographed, 3)] {
            let came = away::measure(way, service, &few()).await.unwrap();
            let (accepted, shipped) = (served, served);
            assert_eq!(came, Away { way, service, bought: 3, accepted, shipped });
        }
    }
}

#[tokio::test]
async fn parcels_of_ours_go_out_while_customers_is_still_away() {
    for way in [Way::Orchestrated, Way::Choreographed] {
        let mut shop = Shop::open(way, &few().folder, 1).await.unwrap();
        shop.turn(CUSTOMERS, false).await.unwrap();
        let accepted = shop.buy(0).await.unwrap();
        assert!(shop.is_shipped(&accepted).await.unwrap(), "{way:?}");
        shop.close().await.unwrap();
    }
}

#[tokio::test]
async fn whoever_of_the_three_is_away_the_customer_of_rest_is_told_503() {
    let baseline = baseline(Patience::default()).await;
    assert_eq!(told(&baseline).await, [200, 404]);
    for service in [ORDERS, SHIPPING, CUSTOMERS] {
        baseline.turn(service, Reach::Down);
        assert_eq!(told(&baseline).await, [503, 503], "without {service}");
        baseline.turn(service, Reach::Up);
    }
    assert_eq!(told(&baseline).await, [200, 404]);
    assert_eq!(baseline.shipped().await.unwrap(), 2);
    baseline.close().await.unwrap();
}

#[tokio::test]
async fn a_service_that_hangs_is_given_up_and_so_is_the_order() {
    let patience = Patience { orders: LONG, shipping: Duration::from_millis(50) };
    let baseline = baseline(patience).await;
    baseline.turn(CUSTOMERS, Reach::Slow);
    assert_eq!(told(&baseline).await, [504, 504]);
    baseline.turn(CUSTOMERS, Reach::Up);
    assert_eq!(baseline.shipped().await.unwrap(), 0);
    baseline.close().await.unwrap();
}

#[tokio::test]
async fn the_availability_of_three_services_in_a_row_is_their_product() {
    for way in Way::ALL {
        let came = availability::measure(way, 1, &few()).await.unwrap();
        assert_eq!(came.accepted, came.by_the_draws, "{came:?}");
        assert_eq!(came.shipped, came.accepted, "{came:?}");
        assert!(came.accepted < came.bought, "nobody was away: {came:?}");
    }
    let all = draws(1, 100_000, 1);
    let served = all.iter().filter(|draw| !draw.contains(&true)).count();
    assert!((served as f64 / 100_000.0 - product(3, 1)).abs() < 0.002, "{served}");
    assert!((product(3, 1) - 0.970_299).abs() < 1e-9);
}

#[test]
fn the_same_seed_draws_the_same_absences_and_another_does_not() {
    assert_eq!(draws(1, 100, 10), draws(1, 100, 10));
    assert_ne!(draws(1, 100, 10), draws(2, 100, 10));
    assert!(draws(1, 100, 0).iter().all(|draw| !draw.contains(&true)));
    assert!(draws(1, 100, 100).iter().all(|draw| !draw.contains(&false)));
}

#[tokio::test]
async fn a_purchase_by_rest_makes_two_calls_from_service_to_service() {
    let shop = Shop::open(Way::Rest, &few().folder, 3).await.unwrap();
    for number in 0..3 {
        assert!(shop.buy(number).await.is_some());
    }
    assert_eq!(shop.take_calls().map(|calls| calls.map(|waited| waited.len())), Some([3, 3]));
    shop.close().await.unwrap();
}

#[tokio::test]
async fn a_view_and_a_call_know_the_same_addresses() {
    lookup::measure(&few()).await.unwrap();
}
