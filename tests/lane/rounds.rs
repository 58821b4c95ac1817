//! Later rounds of a step: the business said no after the pivot, and a person has it tried anew.

use crate::lane::bank::{Bank, Consent, Order, Travel, Trip, travel};
use crate::lane::shop::{ended, world};
use ballet::clock::rest;
use ballet::saga::journal::Verb;
use ballet::{
    App, Call, ErrorKind, Fault, Outcome, Plan, Reactions, Reactor, Saga, StepError, Tx, act, ask,
    call, refuse,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[derive(Debug, Serialize, Deserialize)]
pub struct Pay {
    id: String,
    cents: i64,
}
ballet::service! { pub PAYER = "payer" { Pay = "r.pay" -> () } }

struct Settle;

impl Saga for Settle {
    const NAME: &'static str = "settle";
    type Input = Order;
    fn plan() -> Plan<Self> {
        Plan::begin().step("agree", act(Self::agree).pivot()).step("pay", ask(Self::pay)).end()
    }
}

impl Settle {
    async fn agree(&self) -> Result<(), StepError> {
        Ok(())
    }
    fn pay(order: &Order) -> Pay {
        Pay { id: order.id.clone(), cents: order.cents }
    }
}

struct Payer {
    bank: Bank,
    declines: Arc<AtomicBool>,
}

impl Reactor for Payer {
    const NAME: &'static str = PAYER;
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Pay>(call(Self::transfer).answer(Self::settled).leaves_nothing())
    }
}

impl Payer {
    async fn transfer(&self, call: &Call, pay: &Pay) -> Result<String, Fault> {
        self.bank.book(&call.key, pay.cents).await
    }
    #[allow(clippy::ptr_arg)] // What a call brought is given as it was brought.
    async fn settled(&self, _: &mut Tx, _: &Pay, _: &String) -> Result<(), StepError> {
        match self.declines.load(Ordering::SeqCst) {
            true => Err(refuse("declined", "the account is closed")),
            false => Ok(()),
        }
    }
}

/// The outside knows a call by its key only: under the same one it would answer as it did before.
#[tokio::test(start_paused = true)]
async fn the_outside_is_called_under_another_key_in_a_later_round() {
    let (world, bank, declines) = (world(), Bank::default(), Arc::new(AtomicBool::new(true)));
    let payer = Payer { bank: bank.clone(), declines: Arc::clone(&declines) };
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker()).saga(Settle).reactor(payer);
    let app = app.start().await.expect("the app starts");
    let order = Order { id: "1".into(), cents: 700 };
    let run = app.begin::<Settle>("1", &order).await.unwrap();
    rest(Duration::from_secs(5)).await;
    declines.store(false, Ordering::SeqCst);
    app.operate("settle", "1", Verb::Retry, "pay", "eva", "it was opened again").await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
    let keys: Vec<String> = bank.0.lock().unwrap().effects.keys().cloned().collect();
    assert_eq!(keys, ["payer/settle/1/pay/forward", "payer/settle/1/pay/forward/1"]);
}

/// Later steps read what it made, so anything else would bring the run to a stand for good.
#[tokio::test(start_paused = true)]
async fn what_a_step_is_forced_to_have_made_must_be_what_it_makes() {
    let (world, declines) = (world(), Arc::new(AtomicBool::new(true)));
    let payer = Payer { bank: Bank::default(), declines };
    let (node, desk) = (world.node(), world.node());
    let app = App::new(node.store()).broker(node.broker()).saga(Settle).reactor(payer);
    let app = app.start().await.expect("the app starts");
    // A process that does not know the saga can say anything.
    let desk = App::new(desk.store()).broker(desk.broker()).start().await.expect("it starts");
    let order = Order { id: "1".into(), cents: 700 };
    let run = app.begin::<Settle>("1", &order).await.unwrap();
    rest(Duration::from_secs(5)).await;
    let force = |made: &str| Verb::Force(RawValue::from_string(made.to_owned()).unwrap());
    let wrong = || force(r#"{"paid": true}"#);
    let refused = app.operate("settle", "1", wrong(), "pay", "eva", "by hand").await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Codec);
    desk.operate("settle", "1", wrong(), "pay", "eva", "by hand").await.unwrap();
    rest(Duration::from_secs(5)).await;
    let dead = app.dead_letters(10).await.unwrap();
    let told = "step `pay` of run `1` of saga `settle` makes no such thing: invalid type: map";
    assert!(dead[0].reason.starts_with(told), "{}", dead[0].reason);
    desk.operate("settle", "1", force("null"), "pay", "eva", "by hand").await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
}

/// So would a signal that its step does not hear. Whoever sends it is told, or it is a dead letter; the step
/// waits on for the right one.
#[tokio::test(start_paused = true)]
async fn a_signal_must_be_what_its_step_hears() {
    let (world, bank) = (world(), Bank::default());
    let app = travel(&world.node(), &bank).await;
    let desk = world.node();
    let desk = App::new(desk.store()).broker(desk.broker()).start().await.expect("it starts");
    let run = app.begin::<Travel>("1", &Trip { id: "1".into(), fare: 500 }).await.unwrap();
    rest(Duration::from_secs(5)).await;
    let refused = run.signal("consent", &7).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Codec);
    desk.run::<Travel>("1").signal("consent", &7).await.unwrap();
    rest(Duration::from_secs(5)).await;
    let dead = app.dead_letters(10).await.unwrap();
    let told =
        "step `consent` of run `1` of saga `travel` makes no such thing: invalid type: integer";
    assert!(dead[0].reason.starts_with(told), "{}", dead[0].reason);
    run.signal("consent", &Consent { by: "eva".into() }).await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
}
