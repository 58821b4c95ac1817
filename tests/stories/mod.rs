//! The scenarios of the shop, each played by both casts.
//!
//! Goal: what a customer gets does not depend on who coordinates. Method: one list of scenarios, of
//! which every name becomes two tests, so none can be forgotten in one; after each the books are
//! audited.

macro_rules! scenarios {
    ($($scenario:ident)+) => {
        mod orchestrated {
            scenarios! { @play ::orchestrated::CAST; $($scenario)+ }
        }
        mod choreographed {
            scenarios! { @play ::choreographed::CAST; $($scenario)+ }
        }
    };
    (@play $cast:expr; $($scenario:ident)+) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $scenario() {
                let mut stage = shop::stage::Stage::open($cast).await;
                shop::scenarios::$scenario(&mut stage).await;
                stage.curtain().await;
            }
        )+
    };
}

scenarios! {
    x01_details_invalid
}
