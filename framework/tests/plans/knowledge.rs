//! What a step knows: the saga, its context, the input, and what earlier steps have made.

use crate::trip::{Held, Issued, Paid, Rating, Visa, at, cx, done, journal, json, no, trip};
use ballet::message::Way;
use ballet::saga::journal::{End, Journal, What};
use ballet::{Fault, StepError};
use futures::FutureExt;

fn told(step: &str, way: Way, journal: &Journal) -> Result<String, Fault> {
    let (saga, plan) = trip();
    plan.command(&saga, "7", at(step), way, journal).map(|body| body.get().to_owned())
}

fn ran(step: &'static str, way: Way, journal: &Journal) -> Result<String, StepError> {
    let (saga, plan) = trip();
    // None of them waits for anything.
    let made = plan.run(&saga, cx(step, way), at(step), journal).now_or_never();
    made.expect("it is over at once").map(|made| made.get().to_owned())
}

fn fault(ran: Result<String, StepError>) -> String {
    match ran {
        Err(StepError::Fault(fault)) => fault.to_string(),
        other => panic!("this is no fault: {other:?}"),
    }
}

fn is_visa_needed(journal: &Journal) -> bool {
    let (saga, plan) = trip();
    plan.is_needed(&saga, "7", at("check-visa"), journal).expect("it can be read")
}

/// A run in which all was done up to the pivot, without a visa or with one.
fn paid(visa: Option<u32>) -> Journal {
    let visa = match visa {
        Some(until) => done("check-visa", &Visa { until }),
        None => What::Skipped { step: at("check-visa") },
    };
    let receipt = "r".to_owned();
    journal([done("hold", &Held { seat: 4 }), visa, done("pay", &Paid { receipt })])
}

#[test]
fn a_command_says_what_its_function_made_of_what_is_known() {
    assert_eq!(told("hold", Way::Forward, &journal([])).unwrap(), r#"{"who":"eva"}"#);
    let held = journal([done("hold", &Held { seat: 4 })]);
    assert_eq!(told("check-visa", Way::Forward, &held).unwrap(), r#"{"who":"eva","seat":4}"#);
    let (with, without) = (paid(Some(9)), paid(None));
    assert_eq!(told("issue", Way::Forward, &with).unwrap(), r#"{"receipt":"r","visa":9}"#);
    assert_eq!(told("issue", Way::Forward, &without).unwrap(), r#"{"receipt":"r","visa":null}"#);
    let mut rated = paid(None);
    let issued = Issued { ticket: "t".to_owned() };
    rated
        .facts
        .extend(journal([done("issue", &issued), done("rated", &Rating { stars: 5 })]).facts);
    assert_eq!(told("thank", Way::Forward, &rated).unwrap(), r#"{"ticket":"t","stars":5}"#);
}

#[test]
fn of_a_step_that_was_done_again_the_last_counts() {
    let twice = journal([done("hold", &Held { seat: 4 }), done("hold", &Held { seat: 5 })]);
    assert_eq!(told("check-visa", Way::Forward, &twice).unwrap(), r#"{"who":"eva","seat":5}"#);
}

#[test]
fn a_compensation_knows_what_was_made_and_why_it_is_taken_back() {
    let late = What::Unknown { step: at("issue"), ready: ballet::clock::Time::default() };
    let (by, reason) = ("eva".to_owned(), "ill".to_owned());
    let whys = [no("pay"), late, What::Late, What::Cancelled { by, reason }];
    let why = "pay said no: not today; cancelled: ill; issue was late; deadline was late";

    let unknown = journal(whys.clone());
    let body = told("hold", Way::Back, &unknown).unwrap();
    assert_eq!(body, format!(r#"{{"seat":null,"why":"{why}"}}"#));
    let known = journal(std::iter::once(done("hold", &Held { seat: 4 })).chain(whys));
    let body = told("hold", Way::Back, &known).unwrap();
    assert_eq!(body, format!(r#"{{"seat":4,"why":"{why}"}}"#));
    let (saga, plan) = trip();
    let body = plan.command(&saga, "7", 0, Way::Back, &unknown).unwrap();
    assert_eq!(body.get(), format!(r#"{{"who":"eva","why":"{why}"}}"#));
}

#[test]
fn a_method_is_run_with_the_saga_its_context_and_what_is_known() {
    let held = journal([done("hold", &Held { seat: 4 })]);
    let made = ran("pay", Way::Forward, &held).unwrap();
    assert_eq!(made, r#"{"receipt":"bank trip/7/pay/forward 4 0"}"#);
    let unlucky = journal([done("hold", &Held { seat: 13 })]);
    assert!(matches!(ran("pay", Way::Forward, &unlucky), Err(StepError::Refused(_))));

    assert_eq!(fault(ran("pay", Way::Back, &paid(None))), "trip/7/pay/back takes back r for ");
}

#[test]
fn what_a_step_does_not_do_is_a_fault_that_says_so() {
    for (step, way, says) in [
        ("pay", Way::Forward, "step `pay` of saga `trip` sends no command on its way forward"),
        ("thank", Way::Back, "step `thank` of saga `trip` sends no command on its way back"),
    ] {
        assert_eq!(told(step, way, &paid(None)).unwrap_err().to_string(), says);
    }
    let says = fault(ran("hold", Way::Forward, &journal([])));
    assert_eq!(says, "step `hold` of saga `trip` does not run here on its way forward");
}

#[test]
fn a_step_that_only_some_runs_need_is_asked_for_by_what_is_known() {
    assert!(is_visa_needed(&journal([done("hold", &Held { seat: 4 })])));
    assert!(!is_visa_needed(&journal([done("hold", &Held { seat: 0 })])));
    let (saga, plan) = trip();
    assert!(plan.is_needed(&saga, "7", at("hold"), &journal([])).unwrap(), "every run needs it");
}

#[test]
fn what_cannot_be_read_is_a_fault() {
    let mut damaged = journal([]);
    damaged.input = json(&7);
    assert!(told("hold", Way::Forward, &damaged).is_err());
    let (_, plan) = trip();
    assert!(plan.reads(at("hold"), &json(&Held { seat: 4 })).is_ok());
    assert!(plan.reads(at("hold"), &json(&"seat 4")).is_err());
}

#[test]
fn a_journal_says_how_its_run_has_ended() {
    assert_eq!(journal([What::Begun]).end(), None);
    assert_eq!(journal([What::Ended(End::Completed), no("pay")]).end(), Some(End::Completed));
}

#[test]
fn the_facts_of_another_plan_are_told() {
    let (_, plan) = trip();
    let fits = |what: What| journal([What::Begun, what]).fits(plan.shape());
    let last = ballet::clock::Time::default();
    let started = |step| What::Started { step, round: 0, attempts: 1, last, until: None };
    let compensating = |step| What::Compensating { step, round: 0, attempts: 1, last };
    for right in [started(1), compensating(0), compensating(at("pay")), no("hold"), What::Late] {
        fits(right).unwrap();
    }
    for (wrong, why) in [
        (started(0), "fact 1 is of step 0, which is never begun in plan 1"),
        (started(7), "fact 1 is of step 7, which is none in plan 1"),
        (What::Skipped { step: 9 }, "fact 1 is of step 9, which is none in plan 1"),
        (compensating(at("issue")), "fact 1 is of step 4, which is never taken back in plan 1"),
    ] {
        let told = fits(wrong).unwrap_err().to_string();
        assert_eq!(told, format!("the journal is no journal of saga `trip`: {why}"));
    }
}
