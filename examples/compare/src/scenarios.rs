//! The scenarios, played on the stage: virtual time, every service a process of its own.

use crate::tell::{self, Column, Story};
use ballet::Message;
use compare::{Failed, WAYS};
use serde::Serialize;
use shop::cast::Cast;
use shop::stage::Stage;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

type Playing<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A scenario: its name, and how it is played.
pub struct Scenario {
    pub name: &'static str,
    source: &'static str,
    play: for<'a> fn(&'a mut Stage) -> Playing<'a>,
}

macro_rules! scenarios {
    ($($file:literal: $($name:ident)+;)+) => {
        /// All of them, in the order of the files they are in.
        pub const ALL: &[Scenario] = &[$($({
            fn play(stage: &mut Stage) -> Playing<'_> {
                Box::pin(shop::scenarios::$name(stage))
            }
            let source = include_str!(concat!("../../shop/src/scenarios/", $file));
            Scenario { name: stringify!($name), source, play }
        }),+),+];
    };
}

scenarios! {
    "checks.rs": x01_details_invalid x02_fraud x03_last_ipad x04_two_checks_fail x05_silent_check
        x05_slow_check b05_fraud_remembers b06_verdicts_in_any_order b06_a_check_that_only_watches
        g11_slow_check_is_waited_for;
    "money.rs": x06_payment_declined x07_answers_get_lost x10_capture_fails
        x18_money_cannot_be_let_go x18_stock_cannot_be_given_back
        x20_reservation_expires_while_the_money_is_taken
        x20_reservation_expires_before_the_money_is_held;
    "delivery.rs": x08_customer_comes_late x08_customer_never_comes x09_undeliverable
        x11_carrier_down x12_mail_down;
    "cancel.rs": x13_cancel_before_the_money_is_taken x13_cancel_while_the_money_is_taken
        x13_cancel_at_any_moment x13_cancel_too_late;
    "broker.rs": x16_messages_repeat_and_overtake x17_garbage x21_same_request_twice
        g05_old_messages_come_again;
    "schema.rs": x17_schema_of_tomorrow;
    "rules.rs": x22_check_is_added;
    "replicas.rs": c06_customers_are_gone c06_a_customer_moves c07_copies_move_forward;
    "failures.rs": g02_each_step_fails g04_taken_back_before_it_was_done
        g04_taken_back_while_it_waits_to_be_done g04_taken_back_and_asked_for_at_once;
    "deaths.rs": g08_power_cut x14_everybody_is_killed_once
        x15_the_first_is_there_twice_and_wakes_up_as_a_zombie x19_the_broker_is_away;
}

impl Scenario {
    /// What its text says of it.
    pub fn sentence(&self) -> String {
        let head = format!("pub async fn {}(", self.name);
        let above = self.source.split(&head).next().unwrap_or_default();
        let comment: Vec<&str> =
            above.lines().rev().map_while(|line| line.strip_prefix("/// ")).collect();
        comment.into_iter().rev().collect::<Vec<&str>>().join(" ")
    }

    /// Its number as people write it: `X6`.
    fn number(&self) -> String {
        let (letter, rest) = self.name.split_at(1);
        let digits = rest.split('_').next().unwrap_or_default();
        format!("{}{}", letter.to_uppercase(), digits.trim_start_matches('0'))
    }
}

/// Those of this name, or of this number.
pub fn named(name: &str) -> Result<Vec<&'static Scenario>, String> {
    let wanted = |one: &&Scenario| one.name == name || one.number() == name.to_uppercase();
    let found: Vec<&Scenario> = ALL.iter().filter(wanted).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let mut told = format!("there is no scenario `{name}`; there are:\n");
    for one in ALL {
        told.push_str(&format!("\n  {}\n      {}", one.name, one.sentence()));
    }
    told.push_str("\n\nA number stands for all that begin with it: X6, X13.");
    Err(told)
}

/// What came of a scenario, one way.
#[derive(Debug, Serialize)]
pub struct Verdict {
    pub way: &'static str,
    /// What the scenario found wrong, if it did.
    pub failed: Option<String>,
    /// What the auditor found.
    pub breaches: Vec<String>,
}

/// What came of a scenario.
#[derive(Debug, Serialize)]
pub struct Played {
    pub scenario: &'static str,
    pub sentence: String,
    pub verdicts: Vec<Verdict>,
    pub stories: Vec<Story>,
}

impl Played {
    pub fn is_well(&self) -> bool {
        self.verdicts.iter().all(|one| one.failed.is_none() && one.breaches.is_empty())
    }
}

/// Plays a scenario, each way that is wanted.
pub fn play(scenario: &Scenario, only: Option<&str>) -> Result<Played, Failed> {
    let (mut verdicts, mut heard) = (Vec::new(), Vec::new());
    for (way, cast) in WAYS.into_iter().filter(|(way, _)| only.is_none_or(|only| only == *way)) {
        let (verdict, messages) = play_as(scenario, way, cast)?;
        verdicts.push(verdict);
        heard.push((way, messages));
    }
    let (scenario, sentence) = (scenario.name, scenario.sentence());
    Ok(Played { scenario, sentence, verdicts, stories: stories(&heard) })
}

fn play_as(
    scenario: &Scenario,
    way: &'static str,
    cast: Cast,
) -> Result<(Verdict, Vec<Message>), Failed> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build()?;
    let acts = async {
        let mut stage = Stage::open(cast).await;
        (scenario.play)(&mut stage).await;
        stage.quiet().await;
        let books = stage.books().await;
        let breaches = shop::audit::audit(&books).iter().map(ToString::to_string).collect();
        (breaches, books.messages)
    };
    // A scenario says what is wrong as tests do. Nothing of the stage is used after that.
    let played = catch_unwind(AssertUnwindSafe(|| runtime.block_on(acts)));
    Ok(match played {
        Ok((breaches, messages)) => (Verdict { way, failed: None, breaches }, messages),
        Err(told) => {
            let text = told.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| told.downcast_ref::<&str>().copied()).unwrap_or("it failed");
            (Verdict { way, failed: Some(text.to_owned()), breaches: Vec::new() }, Vec::new())
        }
    })
}

/// Every order of the scenario, in the order in which they were created, told each way.
fn stories(heard: &[(&'static str, Vec<Message>)]) -> Vec<Story> {
    let created = |message: &&Message| message.envelope.name == "order.created";
    let mut orders = BTreeMap::new();
    for message in heard.iter().flat_map(|(_, messages)| messages).filter(created) {
        let at = message.envelope.occurred_at;
        let first = orders.entry(message.envelope.correlation.to_string()).or_insert(at);
        *first = at.min(*first);
    }
    let mut orders: Vec<_> = orders.into_iter().map(|(order, at)| (at, order)).collect();
    orders.sort();
    let tell = |(_, order_id): (_, String)| {
        let column = |(way, messages): &(&'static str, Vec<Message>)| Column {
            way,
            lines: tell::lines(messages, &order_id),
        };
        let columns = heard.iter().map(column).collect();
        Story { head: format!("order {order_id}"), order_id, columns }
    };
    orders.into_iter().map(tell).collect()
}

#[cfg(test)]
mod tests {
    use super::{ALL, named, play};

    #[test]
    fn every_scenario_of_the_shop_can_be_played() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shop/src/scenarios");
        let mut there = Vec::new();
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            let heads = text.lines().filter_map(|line| line.strip_prefix("pub async fn "));
            let names = heads.filter_map(|head| head.strip_suffix("(stage: &mut Stage) {"));
            there.extend(names.map(str::to_owned));
        }
        there.sort();
        let mut known: Vec<&str> = ALL.iter().map(|scenario| scenario.name).collect();
        known.sort_unstable();
        assert_eq!(known, there, "name each in the table of examples/compare/src/scenarios.rs");
        assert!(ALL.iter().all(|scenario| !scenario.sentence().is_empty()));
    }

    #[test]
    fn a_scenario_is_found_by_its_name_or_by_its_number() {
        let names = |name| -> Vec<&str> { named(name).unwrap().iter().map(|s| s.name).collect() };
        assert_eq!(names("x6"), ["x06_payment_declined"]);
        assert_eq!(names("x06_payment_declined"), ["x06_payment_declined"]);
        assert_eq!(names("X13").len(), 4);
        let told = named("X99").err().unwrap();
        assert!(
            told.starts_with("there is no scenario `X99`; there are:\n\n  x01_details_invalid\n")
        );
    }

    #[test]
    fn a_scenario_is_told_both_ways_with_what_the_auditor_says() {
        let played = play(named("X6").unwrap()[0], None).unwrap();
        assert!(played.is_well(), "{played:?}");
        let told: Vec<bool> = played.stories[0]
            .columns
            .iter()
            .map(|column| column.lines.iter().any(|line| line.what == "payment.declined"))
            .collect();
        assert_eq!(told, [true, true]);
    }
}
