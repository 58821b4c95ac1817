//! The scenarios of the shop, each played by both casts.
//!
//! Goal: what a customer gets does not depend on who coordinates. Method: one list of scenarios, of
//! which every name becomes two tests, so none can be forgotten in one; after each the books are
//! audited.

mod alone;
mod crash;
mod order;
mod plan;
mod slides;
mod traces;
mod versions;

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
    x01_details_invalid x02_fraud x03_last_ipad x04_two_checks_fail x05_silent_check x05_slow_check
    x06_payment_declined x07_answers_get_lost x08_customer_comes_late x08_customer_never_comes
    x09_undeliverable x10_capture_fails x11_carrier_down x12_mail_down
    x13_cancel_before_the_money_is_taken x13_cancel_while_the_money_is_taken
    x13_cancel_at_any_moment x13_cancel_too_late
    x14_everybody_is_killed_once x15_the_first_is_there_twice_and_wakes_up_as_a_zombie
    x16_messages_repeat_and_overtake x17_garbage x17_schema_of_tomorrow
    x18_money_cannot_be_let_go x18_stock_cannot_be_given_back x19_the_broker_is_away
    x20_reservation_expires_while_the_money_is_taken
    x20_reservation_expires_before_the_money_is_held
    x21_same_request_twice x22_check_is_added
    b05_fraud_remembers b06_verdicts_in_any_order b06_a_check_that_only_watches
    c06_customers_are_gone c06_a_customer_moves c07_copies_move_forward
    g02_each_step_fails g04_taken_back_before_it_was_done
    g04_taken_back_while_it_waits_to_be_done g04_taken_back_and_asked_for_at_once
    g05_old_messages_come_again
    g08_power_cut g11_slow_check_is_waited_for
}
