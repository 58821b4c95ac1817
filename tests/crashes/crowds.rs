//! Many buyers: too many points for all of them, so some are drawn by a seed.

use crate::crashes::told;
use ballet::story::{Explore, Scene};
use shop::cast::Cast;
use shop::contracts::{Reason, Status};
use shop::stage::Stage;

/// How many faults are tried.
const DRAWN: usize = 200;

/// Six who buy at once: one is poor, one greedy, one changes their mind, and stock is for four.
async fn six_at_once(stage: &mut Stage) {
    for (order, ipads) in
        [("eva", 1), ("poor", 1), ("greedy", 2), ("max", 1), ("fickle", 1), ("ida", 1)]
    {
        stage.buy(order, order, ipads).await;
    }
    stage.cancel("fickle").await;

    assert_eq!(stage.reason_of("poor").await, Some(Reason::Declined));
    assert_eq!(stage.end_of("greedy").await, Status::Invalid);
    let tally = stage.quiet().await;
    assert_eq!((tally.open, tally.letters), (0, 6), "{tally:?}");
    assert_eq!((tally.captured, tally.parcels), (tally.shipped, tally.shipped));
    let sold = i64::try_from(tally.shipped).expect("they are few");
    assert_eq!(stage.on_shelf("ipad").await, (9 - sold, 0));
}

fn explored(name: &str, cast: Cast) {
    let story = Explore::story(name).sample(DRAWN, 1);
    let explored = story.play(async |scene: Scene| {
        let mut stage = Stage::explored(cast, &scene).await;
        stage.seconds(5).await;
        stage.stock("ipad", 9).await;
        let names = ["eva", "poor", "greedy", "max", "fickle", "ida"];
        stage.crowd(names.map(str::to_owned)).await;
        stage.provider().decline("poor").await;
        scene.rise();
        six_at_once(&mut stage).await;
        stage.curtain().await;
    });
    assert_eq!(explored.singles, DRAWN);
    told(name, explored, 300);
}

#[test]
fn six_at_once_orchestrated() {
    explored("six_at_once_orchestrated", orchestrated::CAST);
}

#[test]
fn six_at_once_choreographed() {
    explored("six_at_once_choreographed", choreographed::CAST);
}
