//! Who may be given work: `/ready` of copies, of who takes over, and of who has nothing to do.

use containers::proxy::Proxy;
use containers::servers;
use containers::shop::{Part, Shop, store};

/// How many lanes a process has.
async fn lanes(part: &Part) -> usize {
    part.get("/health").await.json()["lanes"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_without_a_lane_is_ready_and_one_that_takes_over_is_not_until_it_has() {
    let shop = Shop::of("orchestrated").await.with_lanes(1);
    let mut owner = shop.start("inventory").await;
    owner.ready().await;
    assert_eq!(lanes(&owner).await, 1);

    let postgres = servers::postgres().await.address();
    let line = Proxy::before(postgres).await;
    let other = store(shop.database()).replace(&postgres.to_string(), &line.address().to_string());
    let standby = shop.begin_with("inventory", &[("SHOP_STORE", &other)]);
    let standby = Part::of("inventory", standby).await;
    standby.ready().await;
    assert_eq!(lanes(&standby).await, 0, "there are more copies than lanes");

    // It is to take the lane, and the store does not answer.
    line.silence();
    assert_eq!(owner.process.end().await.code(), Some(0));
    let said = standby.until("/ready", |said| said.status == 503).await;
    assert!(said.text.contains("see /health"), "{said:?}");
    line.open().await;
    standby.ready().await;
    assert_eq!(lanes(&standby).await, 1);
}
