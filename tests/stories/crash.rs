//! X14: in one purchase that goes well and in one that is declined a process dies, at every moment in
//! turn; it is started again, and everything comes to the same end.

use shop::cast::Cast;
use shop::contracts::{INVENTORY, ORDERS, PAYMENTS, SHIPPING};
use shop::scenarios::x14_death;
use shop::stage::{Moment, Stage};
use std::collections::BTreeSet;

async fn die_everywhere(cast: Cast, moment: Moment) {
    let mut victims = BTreeSet::new();
    for is_poor in [false, true] {
        let mut deaths = 0;
        loop {
            let mut stage = Stage::open(cast).await;
            if !x14_death(&mut stage, moment, deaths, is_poor).await {
                break;
            }
            victims.extend(stage.victim());
            stage.curtain().await;
            deaths += 1;
        }
        assert!(deaths >= 10, "only {deaths} deaths {moment:?}: the moments are gone");
    }
    for service in [INVENTORY, ORDERS, PAYMENTS, SHIPPING] {
        assert!(victims.contains(service), "`{service}` never died {moment:?}: {victims:?}");
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
                super::die_everywhere($cast, shop::stage::Moment::$moment).await;
            }
        )+
    };
}

every_moment! {
    x14_death_before_a_commit = BeforeCommit
    x14_death_after_a_commit = AfterCommit
    x14_death_after_a_message_is_published = AfterPublish
}
