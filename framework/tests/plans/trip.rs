//! A saga with every head of a step, and journals of its runs.

use ballet::clock::Time;
use ballet::message::Way;
use ballet::saga::journal::{Fact, Journal, What};
use ballet::saga::{Cx, Made};
use ballet::{Fault, Plan, Refusal, Saga, StepError, Why, act, ask, hear, refuse, tell};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;

macro_rules! record {
    ($($name:ident { $($field:ident: $type:ty),* })*) => {
        $(#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name { $(pub $field: $type),* })*
    };
}

record! {
    Order { who: String, is_abroad: bool }
    Hold { who: String }
    Held { seat: u32 }
    Release { seat: Option<u32>, why: String }
    CheckVisa { who: String, seat: u32 }
    Visa { until: u32 }
    Paid { receipt: String }
    Issue { receipt: String, visa: Option<u32> }
    Issued { ticket: String }
    Rating { stars: u8 }
    Thank { ticket: String, stars: u8 }
    Close { who: String, why: String }
}

ballet::service! { /** Who has seats. */ pub SEATS = "seats" {
    Hold = "seats.hold" -> Held, Release = "seats.release" -> (),
} }
ballet::service! { /** Everybody else. */ pub OFFICE = "office" {
    CheckVisa = "office.check-visa" -> Visa, Issue = "office.issue" -> Issued,
    Thank = "office.thank" -> (), Close = "office.close" -> (),
} }

/// Sends somebody on a trip.
pub struct Trip {
    /// What it pays with.
    pub bank: &'static str,
}

impl Saga for Trip {
    const NAME: &'static str = "trip";
    type Input = Order;

    fn plan() -> Plan<Self> {
        Plan::begin()
            .compensate(Self::close)
            .step("hold", ask(Self::hold).compensate(Self::release))
            .step("check-visa", ask(Self::check_visa).leaves_nothing().when(Self::is_abroad))
            .step("pay", act(Self::pay).compensate(Self::pay_back))
            .step("issue", ask(Self::issue).pivot())
            .step("rated", hear::<Rating>())
            .step("thank", tell(Self::thank))
            .end()
    }
}

impl Trip {
    fn close(order: &Order, why: &Why) -> Close {
        Close { who: order.who.clone(), why: why.to_string() }
    }
    fn hold(order: &Order) -> Hold {
        Hold { who: order.who.clone() }
    }
    fn release(held: &Made<Held>, why: &Why) -> Release {
        let seat = match held {
            Made::Known(held) => Some(held.seat),
            Made::Unknown => None,
        };
        Release { seat, why: why.to_string() }
    }
    fn is_abroad(order: &Order, held: &Held) -> bool {
        order.is_abroad && held.seat > 0
    }
    fn check_visa(held: &Held, order: &Order) -> CheckVisa {
        CheckVisa { who: order.who.clone(), seat: held.seat }
    }
    async fn pay(&self, cx: &Cx, held: &Held, visa: &Option<Visa>) -> Result<Paid, StepError> {
        let until = visa.as_ref().map_or(0, |visa| visa.until);
        match held.seat {
            13 => Err(refuse("unlucky", "nobody pays for this one")),
            seat => Ok(Paid { receipt: format!("{} {} {seat} {until}", self.bank, cx.key()) }),
        }
    }
    async fn pay_back(&self, cx: &Cx, paid: &Paid, why: &Why) -> Result<(), Fault> {
        Err(Fault::new(format!("{} takes back {} for {why}", cx.key(), paid.receipt)))
    }
    fn issue(paid: &Paid, visa: &Option<Visa>) -> Issue {
        Issue { receipt: paid.receipt.clone(), visa: visa.as_ref().map(|visa| visa.until) }
    }
    fn thank(issued: &Issued, rating: &Rating) -> Thank {
        Thank { ticket: issued.ticket.clone(), stars: rating.stars }
    }
}

/// The saga and its plan.
pub fn trip() -> (Arc<Trip>, Plan<Trip>) {
    (Arc::new(Trip { bank: "bank" }), Trip::plan())
}

/// Any value as it is stored.
pub fn json(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("it is plain data")
}

/// What a step of this name was done with.
pub fn done(step: &str, made: &impl Serialize) -> What {
    What::Done { step: at(step), made: json(made) }
}

/// The number of a step.
pub fn at(step: &str) -> usize {
    Trip::plan().shape().position(step).expect("the plan has it")
}

/// A no to a step.
pub fn no(step: &str) -> What {
    What::Refused { step: at(step), refusal: Refusal::new("no", "not today") }
}

/// The journal of a run in which this happened.
pub fn journal(facts: impl IntoIterator<Item = What>) -> Journal {
    let fact = |what| Fact { at: Time::default(), what };
    Journal {
        version: 1,
        digest: String::new(),
        input: json(&Order { who: "eva".to_owned(), is_abroad: true }),
        correlation: "7".into(),
        causation: None,
        hop: 0,
        traceparent: Some("a trace".into()),
        armed: None,
        facts: facts.into_iter().map(fact).collect(),
    }
}

/// The context of a step of run `7`.
pub fn cx(step: &'static str, way: Way) -> Cx {
    let traceparent = None;
    Cx { saga: Trip::NAME, run: "7".to_owned(), step, way, attempt: 1, traceparent }
}
