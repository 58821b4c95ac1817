//! Persons: runs that need attention, what operators may do, dead compensations.

use crate::lane::shop::ended;
use crate::lane::shop::{order, world};
use ballet::memory::Node;
use ballet::saga::journal::Verb;
use ballet::story::tell;
use ballet::{
    App, Fault, Outcome, Plan, Reactions, Reactor, Retry, Run, Running, Saga, StepError, Tx,
    answer, ask, refuse,
};
use expect_test::{Expect, expect};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::lane::shop::Order;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hold {
    id: String,
}
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Drop {
    id: String,
}
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Take {
    id: String,
}
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ship {
    id: String,
}
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Taken {}
ballet::service! { pub DEPOT = "depot" {
    Hold = "v.hold" -> (), Drop = "v.drop" -> (), Take = "v.take" -> Taken, Ship = "v.ship" -> (),
} }

struct Sell;
impl Saga for Sell {
    const NAME: &'static str = "sell";
    type Input = Order;
    fn plan() -> Plan<Self> {
        let patience = Retry::every(Duration::from_secs(1)).at_most(3);
        Plan::begin()
            .step("hold", ask(Self::hold).compensate(Self::drop).patience(patience))
            .step("take", ask(Self::take).pivot())
            .step("ship", ask(Self::ship).skippable())
            .end()
    }
}
impl Sell {
    fn hold(order: &Order) -> Hold {
        Hold { id: order.id.clone() }
    }
    fn drop(order: &Order) -> Drop {
        Drop { id: order.id.clone() }
    }
    fn take(order: &Order) -> Take {
        Take { id: order.id.clone() }
    }
    fn ship(order: &Order) -> Ship {
        Ship { id: order.id.clone() }
    }
}

/// What the depot does wrong.
#[derive(Default)]
struct Dials {
    stuck: AtomicBool,
    silent: AtomicBool,
    declining: AtomicBool,
    unshippable: AtomicBool,
}

struct Depot(Arc<Dials>);
impl Reactor for Depot {
    const NAME: &'static str = "depot";
    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .to::<Hold>(answer(Self::hold).compensate_by::<Drop>(Self::drop))
            .to::<Take>(answer(Self::take).leaves_nothing())
            .to::<Ship>(answer(Self::ship).leaves_nothing())
    }
}
impl Depot {
    async fn hold(&self, _: &mut Tx, _: &Hold) -> Result<(), StepError> {
        Ok(())
    }
    async fn drop(&self, _: &mut Tx, _: &Drop, _: &()) -> Result<(), Fault> {
        match self.0.stuck.load(Ordering::SeqCst) {
            true => Err(Fault::new("the door is stuck")),
            false => Ok(()),
        }
    }
    async fn take(&self, _: &mut Tx, _: &Take) -> Result<Taken, StepError> {
        if self.0.silent.load(Ordering::SeqCst) {
            return Err(Fault::new("nobody is there").into());
        }
        match self.0.declining.load(Ordering::SeqCst) {
            true => Err(refuse("declined", "no cover")),
            false => Ok(Taken {}),
        }
    }
    async fn ship(&self, _: &mut Tx, _: &Ship) -> Result<(), StepError> {
        match self.0.unshippable.load(Ordering::SeqCst) {
            true => Err(refuse("no_parcel", "it is not there")),
            false => Ok(()),
        }
    }
}

async fn depot(node: &Node, dials: &Arc<Dials>) -> Running {
    let app = App::new(node.store()).broker(node.broker());
    app.saga(Sell).reactor(Depot(Arc::clone(dials))).start().await.expect("the app starts")
}

async fn told(run: &Run<'_, Sell>) -> String {
    tell(Sell::plan().shape(), &run.journal().await.unwrap().unwrap())
}

async fn check(run: &Run<'_, Sell>, expected: Expect) {
    expected.assert_eq(&told(run).await);
}

/// X18: a compensation that cannot be done needs a person, is still tried, and ends when it can be.
#[tokio::test(start_paused = true)]
async fn a_compensation_that_cannot_be_done_needs_attention_and_is_still_tried() {
    let (world, dials) = (world(), Arc::new(Dials::default()));
    dials.stuck.store(true, Ordering::SeqCst);
    dials.declining.store(true, Ordering::SeqCst);
    let app = depot(&world.node(), &dials).await;
    let run = app.begin::<Sell>("1", &order("1", 5)).await.unwrap();
    let other = app.begin::<Sell>("2", &order("2", 5)).await.unwrap();
    ballet::clock::rest(Duration::from_secs(300)).await;
    let listed = app.runs("sell", Some(ballet::store::Status::NeedsAttention), 10).await.unwrap();
    assert_eq!(listed.len(), 2);
    dials.stuck.store(false, Ordering::SeqCst);
    for letter in app.dead_letters(10).await.unwrap() {
        app.replay(letter.id).await.unwrap();
    }
    assert!(matches!(ended(&run).await, Outcome::Compensated(_)));
    assert!(matches!(ended(&other).await, Outcome::Compensated(_)));
    check(
        &run,
        expect![[r#"
            hold  done
            take  refused: declined: no cover
            hold  needs attention: it could not be taken back yet, and is still tried
            hold  taken back
            compensated
        "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_mark_a_compensation_as_done_by_hand() {
    let (world, dials) = (world(), Arc::new(Dials::default()));
    dials.stuck.store(true, Ordering::SeqCst);
    dials.declining.store(true, Ordering::SeqCst);
    let app = depot(&world.node(), &dials).await;
    let run = app.begin::<Sell>("1", &order("1", 5)).await.unwrap();
    ballet::clock::rest(Duration::from_secs(300)).await;
    app.operate("sell", "1", Verb::MarkCompensated, "hold", "Eva", "I opened the door")
        .await
        .unwrap();
    assert!(matches!(ended(&run).await, Outcome::Compensated(_)));
    check(
        &run,
        expect![[r#"
            hold  done
            take  refused: declined: no cover
            hold  needs attention: it could not be taken back yet, and is still tried
            hold  mark-compensated by Eva: I opened the door
            hold  taken back
            compensated
        "#]],
    )
    .await;
}

/// The depot keeps silent, somebody goes and looks, and in the end it did take it: a run that is over
/// says what to take back by hand (F27).
#[tokio::test(start_paused = true)]
async fn what_was_marked_as_not_done_and_is_done_after_the_end_is_a_dead_letter() {
    let (world, dials) = (world(), Arc::new(Dials::default()));
    dials.silent.store(true, Ordering::SeqCst);
    let app = depot(&world.node(), &dials).await;
    let run = app.begin::<Sell>("1", &order("1", 5)).await.unwrap();
    ballet::clock::rest(Duration::from_secs(300)).await;
    app.operate("sell", "1", Verb::MarkNotDone, "take", "Eva", "the shelf is full").await.unwrap();
    assert!(matches!(ended(&run).await, Outcome::Compensated(_)));
    check(
        &run,
        expect![[r#"
        hold  done
        take  unknown: its time is up
        take  needs attention: it has not answered in time, and is asked until it does
        take  mark-not-done by Eva: the shelf is full
        take  refused: not_done: by Eva: the shelf is full
        hold  needs attention: it could not be taken back yet, and is still tried
        hold  taken back
        compensated
    "#]],
    )
    .await;
    dials.silent.store(false, Ordering::SeqCst);
    for letter in app.dead_letters(100).await.unwrap() {
        app.replay(letter.id).await.unwrap();
    }
    ballet::clock::rest(Duration::from_secs(60)).await;
    let letters = app.dead_letters(100).await.unwrap();
    let told: BTreeSet<String> = letters.into_iter().map(|letter| letter.reason).collect();
    let expected = "run `1` is over, and step `take` turns out to be done after all; \
                    take it back by hand";
    assert_eq!(told, BTreeSet::from([expected.to_owned()]));
}

/// A no after the pivot stands under its command id: asking again after a repair is a new round.
#[tokio::test(start_paused = true)]
async fn a_refusal_after_the_pivot_needs_attention_at_once_and_a_retry_asks_anew() {
    let (world, dials) = (world(), Arc::new(Dials::default()));
    dials.unshippable.store(true, Ordering::SeqCst);
    let app = depot(&world.node(), &dials).await;
    let run = app.begin::<Sell>("1", &order("1", 5)).await.unwrap();
    ballet::clock::rest(Duration::from_secs(5)).await;
    app.operate("sell", "1", Verb::Retry, "ship", "Eva", "look again").await.unwrap();
    ballet::clock::rest(Duration::from_secs(5)).await;
    dials.unshippable.store(false, Ordering::SeqCst);
    app.operate("sell", "1", Verb::Retry, "ship", "Eva", "I found it").await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
    check(
        &run,
        expect![[r#"
            hold  done
            take  done
            ship  refused: no_parcel: it is not there
            ship  needs attention: it was refused after the pivot: no_parcel: it is not there
            ship  retry by Eva: look again
            ship  refused: no_parcel: it is not there
            ship  needs attention: it was refused after the pivot: no_parcel: it is not there
            ship  retry by Eva: I found it
            ship  done
            completed
        "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_skip_where_the_plan_allows_it_and_nowhere_else() {
    let (world, dials) = (world(), Arc::new(Dials::default()));
    dials.unshippable.store(true, Ordering::SeqCst);
    let app = depot(&world.node(), &dials).await;
    let run = app.begin::<Sell>("1", &order("1", 5)).await.unwrap();
    ballet::clock::rest(Duration::from_secs(5)).await;
    app.operate("sell", "1", Verb::Skip, "take", "Eva", "why not").await.unwrap();
    app.operate("sell", "1", Verb::Skip, "ship", "Eva", "he fetched it himself").await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
    check(
        &run,
        expect![[r#"
            hold  done
            take  done
            ship  refused: no_parcel: it is not there
            ship  needs attention: it was refused after the pivot: no_parcel: it is not there
            take  skip by Eva: why not, which changed nothing
            ship  skip by Eva: he fetched it himself
            ship  done
            completed
        "#]],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_verb_for_a_run_or_step_that_is_not_there_is_a_dead_letter_that_says_so() {
    let (world, dials) = (world(), Arc::new(Dials::default()));
    let app = depot(&world.node(), &dials).await;
    app.operate("sell", "7", Verb::Retry, "ship", "Eva", "?").await.unwrap();
    let run = app.begin::<Sell>("1", &order("1", 5)).await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
    app.operate("sell", "1", Verb::Retry, "shop", "Eva", "?").await.unwrap();
    ballet::clock::rest(Duration::from_secs(5)).await;
    let letters = app.dead_letters(10).await.unwrap();
    let mut reasons: Vec<_> = letters.into_iter().map(|letter| letter.reason).collect();
    reasons.sort();
    assert_eq!(reasons, ["saga `sell` has no run `7`", "saga `sell` has no step `shop`"]);
}
