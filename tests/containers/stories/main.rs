//! The scenarios of the shop, played by processes over real servers, in both modes: the same text as in
//! `tests/stories`, which cannot tell the difference, and the same auditor, who reads the real tables and
//! topics.
//!
//! Goal: what holds in memory holds over Postgres, Kafka and HTTP, and over Postgres alone. Method: a list of
//! plays, in which every scenario stands that the shop has. Each says how it is staged: which services have a
//! process of their own, for they are killed or frozen, or that the broker is; whether deadlines are as usual,
//! so that nothing depends on how fast a machine is, or short, for they have to pass.
//!
//! ```text
//! house   what a stage needs, by processes     crew    the processes, and how they are asked
//! ground  the servers, used again              topics  who listens, and says things again
//! rest    whether anything is still to be done kafka   topics of a Kafka
//! looks   looking into a database              log     topics of a Postgres alone
//! ```

mod crew;
mod ground;
mod house;
mod kafka;
mod log;
mod looks;
mod rest;
mod topics;

use ground::Over;
use house::Split;
use shop::contracts::{CUSTOMERS, DETAILS, FRAUD, INVENTORY, NOTIFICATION, SHIPPING};
use shop::settings::Settings;
use shop::stage::Stage;
use std::collections::BTreeSet;
use std::time::Duration;

/// Who leads, or else whoever is the first of the cast.
const FIRST: &str = "the first";
/// All of them, each in a process of its own.
const EVERYBODY: &str = "everybody";
/// None of them: the broker, with all that is kept on its server.
const BROKER: &str = "the broker";

/// Deadlines as they usually are: they do not pass while a test runs. What the text asks of services comes in
/// by this process, so that theirs have to look for it: often, for else a play is a third longer.
fn usual() -> Settings {
    Settings {
        attempt_rest: Duration::from_millis(500),
        request_look: Duration::from_millis(100),
        ..Settings::default()
    }
}

/// Deadlines that pass in a test, and are long for whoever does something before.
fn short() -> Settings {
    Settings {
        validation_wait: Duration::from_secs(8),
        payment_wait: Duration::from_secs(6),
        customer_wait: Duration::from_millis(2_500),
        fraud_window: Duration::from_secs(3),
        ..usual()
    }
}

macro_rules! plays {
    ($($scenario:ident: $settings:ident, $copies:literal $(, $apart:ident)*;)+) => {
        /// Every play, by its scenario.
        const PLAYED: &[&str] = &[$(stringify!($scenario)),+];

        plays! { @both Kafka; $($scenario: $settings, $copies $(, $apart)*;)+ }
        mod on_postgres {
            plays! { @both PostgresAlone; $($scenario: $settings, $copies $(, $apart)*;)+ }
        }
    };
    (@both $over:ident; $($plays:tt)+) => {
        mod orchestrated {
            plays! { @play $over, ("orchestrated", ::orchestrated::CAST, &[]); $($plays)+ }
        }
        mod choreographed {
            plays! {
                @play $over, ("choreographed", ::choreographed::CAST, ::choreographed::BESIDE);
                $($plays)+
            }
        }
    };
    (@play $over:ident, $example:expr; $($scenario:ident: $settings:ident, $copies:literal $(, $apart:ident)*;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn $scenario() {
                let apart = &[$(crate::$apart),*];
                let over = crate::Over::$over;
                let house =
                    crate::Split::open(over, $example, crate::$settings(), apart, $copies).await;
                let mut stage = crate::Stage::within(house);
                ::shop::scenarios::$scenario(&mut stage).await;
                stage.curtain().await;
            }
        )+
    };
}

plays! {
    x01_details_invalid: usual, 2;
    x02_fraud: usual, 1;
    x03_last_ipad: usual, 1, INVENTORY;
    x04_two_checks_fail: usual, 1;
    x05_silent_check: short, 1, FRAUD;
    x05_slow_check: short, 1, FRAUD;
    x06_payment_declined: usual, 1;
    x07_answers_get_lost: usual, 1;
    x08_customer_comes_late: usual, 1;
    x08_customer_never_comes: short, 1;
    x09_undeliverable: usual, 2;
    x10_capture_fails: usual, 1;
    x11_carrier_down: short, 1;
    x12_mail_down: usual, 1;
    x13_cancel_before_the_money_is_taken: usual, 1;
    x13_cancel_while_the_money_is_taken: usual, 2;
    x13_cancel_at_any_moment: usual, 1;
    x13_cancel_too_late: usual, 1;
    x14_everybody_is_killed_once: usual, 1, EVERYBODY;
    x15_the_first_is_there_twice_and_wakes_up_as_a_zombie: usual, 1, FIRST;
    x16_messages_repeat_and_overtake: usual, 2;
    x17_garbage: usual, 1;
    x17_schema_of_tomorrow: usual, 1, SHIPPING, NOTIFICATION;
    x18_money_cannot_be_let_go: short, 1;
    x18_stock_cannot_be_given_back: short, 1, INVENTORY;
    x19_the_broker_is_away: usual, 1, BROKER;
    x20_reservation_expires_while_the_money_is_taken: short, 1;
    x20_reservation_expires_before_the_money_is_held: short, 1;
    x21_same_request_twice: usual, 2;
    x22_check_is_added: usual, 1, INVENTORY;
    b05_fraud_remembers: usual, 1;
    b06_verdicts_in_any_order: usual, 1, DETAILS, FRAUD, INVENTORY;
    b06_a_check_that_only_watches: usual, 1;
    c06_customers_are_gone: usual, 1, CUSTOMERS;
    c06_a_customer_moves: usual, 1;
    c07_copies_move_forward: usual, 1;
    g02_each_step_fails: short, 1, FRAUD;
    g04_taken_back_before_it_was_done: short, 1, INVENTORY;
    g04_taken_back_while_it_waits_to_be_done: usual, 1;
    g04_taken_back_and_asked_for_at_once: short, 1, SHIPPING;
    g05_old_messages_come_again: usual, 1;
    g08_power_cut: usual, 2;
    g11_slow_check_is_waited_for: usual, 1, INVENTORY;
}

/// What is not played here, and why.
const LEFT_OUT: &[(&str, &str)] = &[(
    "x14_death",
    "a process dies there at a named moment of one commit; processes are killed at such moments by the \
     tests of deaths in earnest, here in the middle of whatever they do",
)];

#[test]
fn every_scenario_of_the_shop_is_played_or_left_out_for_a_reason() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/shop/src/scenarios");
    let mut there = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let heads = text.lines().filter_map(|line| line.strip_prefix("pub async fn "));
        there.extend(heads.filter_map(|head| Some(head.split_once('(')?.0.to_owned())));
    }
    let left_out = LEFT_OUT.iter().map(|(name, _)| *name);
    let known: BTreeSet<String> =
        PLAYED.iter().copied().chain(left_out).map(str::to_owned).collect();
    assert_eq!(known, there, "each is in the list of plays, or left out");
    assert!(LEFT_OUT.iter().all(|(name, why)| !why.is_empty() && !PLAYED.contains(name)));
}

#[test]
fn every_number_is_played() {
    let numbers: BTreeSet<&str> = PLAYED.iter().filter_map(|name| name.get(..3)).collect();
    for number in 1..=22 {
        assert!(numbers.contains(&*format!("x{number:02}")), "X{number} is not played");
    }
}
