//! X14: in one purchase that goes well and in one that is declined every process dies, at every moment
//! in turn; it is started again, and everything comes to the same end.

use shop::cast::Cast;
use shop::contracts::{ALERTS, CUSTOMERS, LIMITS};
use shop::scenarios::x14_death;
use shop::stage::{Moment, Stage};

async fn everybody_dies(cast: Cast, moment: Moment) {
    for player in cast {
        let mut deaths = 0;
        for is_poor in [false, true] {
            let mut spared = 0;
            loop {
                let mut stage = Stage::open(cast).await;
                if !x14_death(&mut stage, (player.name, moment, spared), is_poor).await {
                    break;
                }
                stage.curtain().await;
                spared += 1;
            }
            deaths += spared;
        }
        // These have nothing to say in a purchase, and the last one only listens.
        let is_silent = [CUSTOMERS, LIMITS].contains(&player.name)
            || (player.name == ALERTS && moment == Moment::AfterPublish);
        assert!(deaths > 0 || is_silent, "`{}` never died {moment:?}", player.name);
    }
}

macro_rules! every_moment {
    ($($name:ident = $moment:ident)+) => {
        mod orchestrated {
            every_moment! { @play ::orchestrated::CAST; $($name = $moment)+ }
        }
        mod choreographed {
            every_moment! { @play ::choreographed::CAST; $($name = $moment)+ }
        }
    };
    (@play $cast:expr; $($name:ident = $moment:ident)+) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                super::everybody_dies($cast, shop::stage::Moment::$moment).await;
            }
        )+
    };
}

every_moment! {
    x14_death_before_a_commit = BeforeCommit
    x14_death_after_a_commit = AfterCommit
    x14_death_after_a_message_is_published = AfterPublish
}
