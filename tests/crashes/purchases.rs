//! The shop: each story of one purchase in both ways, with every single fault or some that are drawn, audited in
//! the end.
//!
//! Most are the scenarios themselves. Those that count calls, or look at a moment that a fault may pass
//! by, are told here in other words.

use crate::crashes::{PAIRS, progress, told};
use ballet::story::{Explore, Scene};
use shop::cast::Cast;
use shop::stage::Stage;

/// If not every fault is wanted: how many are drawn of each story.
const FAULTS: &str = "BALLET_TESTS_FAULTS";

/// From which seed faults and pairs of faults are drawn.
const SEED: &str = "BALLET_TESTS_SEED";

fn number(variable: &str) -> Option<u64> {
    let told = std::env::var(variable).ok()?;
    Some(told.parse().unwrap_or_else(|_| panic!("{variable}={told} is no number")))
}

/// Every single fault; or some of them, and of what may follow each.
fn wanted(name: &str) -> Explore {
    let drawn = |count: u64| {
        let count = usize::try_from(count).expect("a machine that counts so far");
        Explore::story(name).sample(count, number(SEED).unwrap_or(1))
    };
    match (number(PAIRS), number(FAULTS)) {
        (Some(count), _) => drawn(count).pairs().progress(progress),
        (None, Some(count)) => drawn(count),
        (None, None) => Explore::story(name),
    }
}

/// Tells a story of the shop with faults, and says how many points it has.
fn explored(name: &str, cast: Cast, play: impl AsyncFn(&mut Stage) + Sync) {
    let explored = wanted(name).play(async |scene: Scene| {
        let mut stage = Stage::explored(cast, &scene).await;
        // Until everybody has their lanes.
        stage.seconds(5).await;
        scene.rise();
        play(&mut stage).await;
        stage.curtain().await;
    });
    told(name, explored, 50);
}

/// What is told in other words than the scenarios of the same names.
mod words {
    use shop::contracts::{Reason, Status};
    use shop::stage::Stage;
    use std::time::Duration;

    pub async fn x07_answers_get_lost(stage: &mut Stage) {
        stage.stock("ipad", 5).await;
        stage.customer("eva", "AT").await;
        stage.provider().lose_answers(2).await;

        stage.buy("1", "eva", 1).await;

        assert_eq!(stage.end_of("1").await, Status::Shipped);
        let tally = stage.quiet().await;
        assert_eq!((tally.captured, tally.held, tally.voided), (1, 0, 0));
    }

    pub async fn x11_carrier_down(stage: &mut Stage) {
        stage.stock("ipad", 5).await;
        stage.customer("eva", "AT").await;
        stage.carrier().cut().await;

        stage.buy("1", "eva", 1).await;
        stage.until("the money is taken", async |stage| stage.tally().await.captured == 1).await;
        assert_eq!(stage.tally().await.parcels, 0);
        stage.carrier().mend().await;

        assert_eq!(stage.end_of("1").await, Status::Shipped);
        let tally = stage.quiet().await;
        assert_eq!((tally.captured, tally.voided, tally.parcels), (1, 0, 1));
    }

    pub async fn x13_cancel_before_the_money_is_taken(stage: &mut Stage) {
        stage.stock("ipad", 5).await;
        stage.customer("eva", "AT").await;
        stage.provider().hang().await;

        stage.buy("1", "eva", 1).await;
        stage.provider().until_called(1).await;
        assert!(stage.cancel("1").await.pending);
        // Until everybody knows, whoever has to come back before.
        stage.until_said("1", "order.cancel_requested").await;
        stage.seconds(10).await;
        stage.provider().mend().await;

        assert_eq!(stage.reason_of("1").await, Some(Reason::CustomerCancelled));
        let tally = stage.quiet().await;
        assert_eq!((tally.captured, tally.held, tally.parcels), (0, 0, 0));
        assert_eq!(stage.on_shelf("ipad").await, (5, 0));
    }

    pub async fn x18_money_cannot_be_let_go(stage: &mut Stage) {
        stage.stock("ipad", 5).await;

        stage.buy("1", "stranger", 1).await;
        stage.until("the money is held", async |stage| stage.tally().await.held == 1).await;
        // Until everybody knows that it is.
        stage.seconds(20).await;
        stage.provider().cut().await;
        stage.pass(stage.settings().customer_wait + Duration::from_secs(60)).await;
        assert_eq!(stage.tally().await.held, 1);
        stage.provider().mend().await;

        assert_eq!(stage.reason_of("1").await, Some(Reason::UnknownCustomer));
        let tally = stage.quiet().await;
        assert_eq!((tally.held, tally.voided), (0, 1));
        assert_eq!(stage.on_shelf("ipad").await, (5, 0));
        assert_eq!(stage.alerts().await, [""; 0]);
    }
}

macro_rules! stories {
    ($($from:ident: $($story:ident)+;)+) => {
        mod orchestrated {
            $($(stories! { @play ::orchestrated::CAST; $from $story })+)+
        }
        mod choreographed {
            $($(stories! { @play ::choreographed::CAST; $from $story })+)+
        }
    };
    (@play $cast:expr; scenarios $story:ident) => {
        #[test]
        fn $story() {
            super::explored(stringify!($story), $cast, async |stage| {
                shop::scenarios::$story(stage).await;
            });
        }
    };
    (@play $cast:expr; words $story:ident) => {
        #[test]
        fn $story() {
            super::explored(stringify!($story), $cast, async |stage| {
                super::words::$story(stage).await;
            });
        }
    };
}

stories! {
    scenarios: x01_details_invalid x02_fraud x04_two_checks_fail x06_payment_declined
        x08_customer_comes_late x08_customer_never_comes x09_undeliverable x10_capture_fails
        x12_mail_down x13_cancel_too_late x21_same_request_twice;
    words: x07_answers_get_lost x11_carrier_down x13_cancel_before_the_money_is_taken
        x18_money_cannot_be_let_go;
}
