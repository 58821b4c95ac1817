//! What can be said of the plan and of the participants before anything runs.

use crate::{
    Customers, Details, Fraud, Inventory, Limits, Notification, Orders, Payments, Purchase,
    ShadowFraud, Shipping,
};
use ballet::{Choreography, Saga};
use expect_test::expect;

fn participants() -> Choreography {
    Choreography::new()
        .with::<Orders>()
        .with::<Details>()
        .with::<Fraud>()
        .with::<Limits>()
        .with::<Inventory>()
        .with::<Payments>()
        .with::<Shipping>()
}

#[test]
fn the_plan_keeps_the_rules() {
    Purchase::plan().check().unwrap();
}

#[test]
fn the_plan_is_drawn() {
    expect![[r#""#]].assert_eq(&Purchase::plan().draw());
}

#[test]
fn every_participant_says_what_it_is_asked_and_what_it_says() {
    expect![[r#""#]].assert_eq(&participants().table());
}

#[test]
fn every_command_of_the_plan_is_answered_by_its_addressee() {
    let table = participants().table();
    let commands: Vec<String> = Purchase::plan()
        .shape()
        .steps
        .iter()
        .flat_map(|step| [format!("{:?}", step.head), format!("{:?}", step.back)])
        .collect();
    expect![[r#""#]].assert_eq(&format!("{commands:#?}\n{}", table.len()));
}
