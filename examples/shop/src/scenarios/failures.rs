//! Every step fails once, and every process dies.

use crate::contracts::{INVENTORY, Status};
use crate::stage::{Moment, Stage, Tally};

/// G2: "fail at every step index in turn: exactly the expected compensations". What was not done is
/// not taken back.
pub async fn g02_each_step_fails(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    for customer in ["greedy", "poor", "slow", "fine"] {
        stage.customer(customer, "AT").await;
    }
    stage.customer("far", "AQ").await;
    stage.world.provider.decline("poor");
    stage.world.provider.expire("slow");
    stage.buy("greedy", "greedy", 6).await;
    for order in ["poor", "far", "slow", "fine"] {
        stage.buy(order, order, 1).await;
    }

    stage.quiet().await;
    let taken_back =
        |order| ["shipment.cancelled", "stock.released"].map(|fact| stage.times_said(order, fact));
    assert_eq!(taken_back("greedy"), [0, 0], "nothing was kept");
    assert_eq!(taken_back("poor"), [0, 1], "no parcel was ready");
    assert_eq!(taken_back("far"), [0, 1]);
    assert_eq!(taken_back("slow"), [1, 1]);
    assert_eq!(taken_back("fine"), [0, 0]);
    let books = stage.books().await;
    let voided = |order: &str| {
        let mine = books.authorizations.values().filter(|known| known.payer == order);
        mine.map(|known| known.held).collect::<Vec<_>>()
    };
    use crate::fakes::Held::{Captured, Voided};
    assert_eq!([voided("greedy"), voided("poor")], [[], []]);
    assert_eq!([voided("far"), voided("slow"), voided("fine")], [[Voided], [Voided], [Captured]]);
}

/// G4: "empty compensation & anti-hanging": an order is cancelled before a service has heard of it;
/// what it hears afterwards it does not do.
pub async fn g04_taken_back_before_it_was_done(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    stage.kill(INVENTORY);

    stage.buy("1", "eva", 1).await;
    stage.seconds(2).await;
    stage.cancel("1").await;
    stage.seconds(600).await;
    stage.start(INVENTORY).await;

    assert_eq!(stage.end_of("1").await, Status::Cancelled);
    assert_eq!(stage.quiet().await.captured, 0);
    assert_eq!(stage.on_shelf("ipad").await, (5, 0));
}

/// G8: "kill with outstanding replies, restart, start nothing: all finish".
pub async fn g08_power_cut(stage: &mut Stage) {
    stage.stock("ipad", 5).await;
    for customer in ["a", "b", "c"] {
        stage.customer(customer, "AT").await;
    }
    stage.world.provider.decline("b");
    stage.world.provider.wire.hang();
    for customer in ["a", "b", "c"] {
        stage.buy(customer, customer, 1).await;
    }
    stage.seconds(3).await;

    stage.kill_everybody();
    stage.seconds(60).await;
    stage.world.provider.wire.mend();
    stage.revive().await;

    let tally = stage.quiet().await;
    assert_eq!((tally.shipped, tally.cancelled, tally.captured, tally.parcels), (2, 1, 2, 2));
    assert_eq!(stage.on_shelf("ipad").await, (3, 0));
}

/// X14: "crash at every failpoint: converges; effects once". A process that comes to
/// such a moment dies there, after it was spared so many times, and is started again; whether it
/// did.
pub async fn x14_death(
    stage: &mut Stage,
    (whom, moment, spared): (&'static str, Moment, usize),
    is_poor: bool,
) -> bool {
    stage.stock("ipad", 5).await;
    stage.customer("eva", "AT").await;
    if is_poor {
        stage.world.provider.decline("eva");
    }
    stage.doom(whom, moment, spared);

    stage.buy("1", "eva", 1).await;

    let tally = stage.quiet().await;
    let context = format!("`{whom}` is to die {moment:?} after {spared}");
    let ends = match is_poor {
        true => Tally { cancelled: 1, letters: 1, ..Tally::default() },
        false => Tally { shipped: 1, captured: 1, parcels: 1, letters: 1, ..Tally::default() },
    };
    assert_eq!(tally, ends, "{context}");
    assert_eq!(stage.on_shelf("ipad").await, (5 - i64::from(!is_poor), 0), "{context}");
    assert_eq!(stage.given_up().await, [""; 0], "{context}");
    stage.has_died()
}
