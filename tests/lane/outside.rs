//! Calls to the outside and methods of sagas: at least once, under one key, and never forgotten.

use crate::lane::bank::{
    Bank, CancelAsked, Consent, GaveUp, Hotel, ORDERS, Order, Ordered, Packed, Purchase, ROOMS,
    Travel, Trip, cards, travel,
};
use crate::lane::echo::{HEARD, Said, WORDS, stamped};
use crate::lane::shop::ended;
use crate::lane::shop::{dying, world};
use ballet::memory::Point;
use ballet::saga::journal::Verb;
use ballet::{App, Call, Fault, Outcome, Reactions, Reactor, Refusal, Running, Tx, call, react};
use std::time::Duration;

fn trip(fare: i64) -> Trip {
    Trip { id: "1".into(), fare }
}

async fn rooms(app: &Running) -> Option<i64> {
    app.row::<Hotel, _, _>(ROOMS, &"1".to_owned()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_saga_of_methods_commands_and_signals_completes() {
    let (world, bank) = (world(), Bank::default());
    let app = travel(&world.node(), &bank).await;
    let run = app.begin::<Travel>("1", &trip(500)).await.unwrap();
    ballet::clock::rest(Duration::from_secs(600)).await;
    assert_eq!(bank.balance(), 1, "the ticket is bought, and the fare waits for consent");
    run.signal("consent", &Consent { by: "Eva".into() }).await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
    assert_eq!((bank.balance(), rooms(&app).await), (501, Some(1)));
}

#[tokio::test(start_paused = true)]
async fn an_early_signal_is_kept_and_a_step_that_is_not_needed_is_skipped() {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| ledger.delay = Duration::from_secs(5));
    let app = travel(&world.node(), &bank).await;
    let early = app.begin::<Travel>("1", &trip(500)).await.unwrap();
    early.signal("consent", &Consent { by: "Eva".into() }).await.unwrap();
    assert_eq!(ended(&early).await, Outcome::Completed);
    let cheap = app.begin::<Travel>("2", &trip(50)).await.unwrap();
    assert_eq!(ended(&cheap).await, Outcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_refuses_or_never_comes_takes_the_run_back() {
    let (world, bank) = (world(), Bank::default());
    let app = travel(&world.node(), &bank).await;
    let run = app.begin::<Travel>("1", &trip(500)).await.unwrap();
    run.refuse("consent", Refusal::new("too_dear", "not for that")).await.unwrap();
    let Outcome::Compensated(why) = ended(&run).await else { panic!() };
    assert_eq!(why.to_string(), "consent said too_dear: not for that");
    assert_eq!((bank.balance(), rooms(&app).await), (0, Some(0)));

    let silent = app.begin::<Travel>("2", &trip(500)).await.unwrap();
    let Outcome::Compensated(why) = ended(&silent).await else { panic!() };
    assert_eq!(why.to_string(), "consent said timed_out: no signal came in time");
    assert_eq!(bank.balance(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_method_that_breaks_is_run_again_under_its_key() {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| (ledger.broken, ledger.broken_after) = (2, 2));
    let app = travel(&world.node(), &bank).await;
    let run = app.begin::<Travel>("1", &trip(50)).await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
    assert_eq!((bank.balance(), bank.calls()), (51, 7), "three effects and four broken calls");
}

/// The line is cut after the ticket was bought, again and again, until the step's time is up: nobody
/// knows whether it was bought, so it is asked until it answers, and then given back.
#[tokio::test(start_paused = true)]
async fn a_method_whose_outcome_is_unknown_is_run_until_it_answers_and_then_taken_back() {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| ledger.broken_after = 15);
    let app = travel(&world.node(), &bank).await;
    let run = app.begin::<Travel>("1", &trip(50)).await.unwrap();
    let Outcome::Compensated(why) = ended(&run).await else { panic!() };
    assert_eq!(why.to_string(), "buy-ticket was late");
    assert_eq!((bank.balance(), rooms(&app).await), (0, Some(0)));
}

#[tokio::test(start_paused = true)]
async fn a_refused_pivot_takes_back_methods_and_commands() {
    let (world, bank) = (world(), Bank::default());
    let app = travel(&world.node(), &bank).await;
    let run = app.begin::<Travel>("1", &trip(-5)).await.unwrap();
    let Outcome::Compensated(why) = ended(&run).await else { panic!() };
    assert_eq!(why.to_string(), "pay-fare said negative: a fare is positive");
    assert_eq!((bank.balance(), rooms(&app).await), (0, Some(0)));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_before_the_pivot_takes_back_and_after_it_is_too_late() {
    let (world, bank) = (world(), Bank::default());
    let app = travel(&world.node(), &bank).await;
    let run = app.begin::<Travel>("1", &trip(500)).await.unwrap();
    ballet::clock::rest(Duration::from_secs(10)).await;
    run.cancel("Eva", "rain").await.unwrap();
    let Outcome::Compensated(why) = ended(&run).await else { panic!() };
    assert_eq!(why.to_string(), "cancelled: rain");
    assert_eq!(bank.balance(), 0);

    let done = app.begin::<Travel>("2", &trip(50)).await.unwrap();
    assert_eq!(ended(&done).await, Outcome::Completed);
    done.cancel("Eva", "rain").await.unwrap();
    ballet::clock::rest(Duration::from_secs(10)).await;
    assert_eq!(ended(&done).await, Outcome::Completed);
    assert_eq!(bank.balance(), 51);
}

#[tokio::test(start_paused = true)]
async fn methods_survive_the_death_of_their_process_at_every_point() {
    let points: [fn(&Point) -> bool; 3] = [
        |point| matches!(point, Point::Commit(_)),
        |point| matches!(point, Point::Committed(_)),
        |point| matches!(point, Point::Produced(_)),
    ];
    for which in points {
        for fare in [50, -5] {
            let mut deaths = 0;
            while travels_on(deaths + 1, which, fare).await {
                deaths += 1;
            }
            assert!(deaths >= 2, "only {deaths} deaths");
        }
    }
}

async fn travels_on(at: usize, which: fn(&Point) -> bool, fare: i64) -> bool {
    let (world, bank) = (world(), Bank::default());
    let node = dying(&world, at, which);
    let app = travel(&node, &bank).await;
    app.begin::<Travel>("1", &trip(fare)).await.unwrap();
    ballet::clock::rest(Duration::from_secs(10)).await;
    let died = !node.is_alive();
    drop(app);
    node.kill();
    let app = travel(&world.node(), &bank).await;
    let outcome = ended(&app.run::<Travel>("1")).await;
    assert_eq!(outcome == Outcome::Completed, fare > 0, "point {at}");
    let expected = if fare > 0 { (fare + 1, Some(1)) } else { (0, Some(0)) };
    assert_eq!((bank.balance(), rooms(&app).await), expected, "point {at}, fare {fare}");
    died
}

/// H26: the cancel comes while the bank is being called. It must not pass the call.
#[tokio::test(start_paused = true)]
async fn a_compensation_that_meets_a_call_under_way_waits_for_what_it_brings() {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| ledger.delay = Duration::from_secs(20));
    let app = cards(&world.node(), &bank).await;
    let order = Order { id: "1".into(), cents: 70 };
    let run = app.begin::<Purchase>("1", &order).await.unwrap();
    ballet::clock::rest(Duration::from_secs(2)).await;
    run.cancel("Eva", "changed her mind").await.unwrap();
    let Outcome::Compensated(_) = ended(&run).await else { panic!() };
    assert_eq!((bank.balance(), bank.calls()), (0, 2), "charged, and given back");
}

/// The bank does not answer within the time of the step: it is unknown, its compensation is sent, and
/// the barrier orders the two.
#[tokio::test(start_paused = true)]
async fn an_asked_step_that_is_late_is_taken_back_without_knowing_and_leaves_nothing() {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| ledger.broken = 8);
    bank.set(|ledger| ledger.delay = Duration::from_secs(20));
    let app = cards(&world.node(), &bank).await;
    let order = Order { id: "1".into(), cents: 70 };
    let run = app.begin::<Purchase>("1", &order).await.unwrap();
    let Outcome::Compensated(why) = ended(&run).await else { panic!() };
    assert_eq!(why.to_string(), "authorize was late");
    assert_eq!(bank.balance(), 0);
}

#[tokio::test(start_paused = true)]
async fn calls_survive_the_death_of_their_process_at_every_point() {
    for which in [
        |point: &Point| matches!(point, Point::Commit(_)),
        |point: &Point| matches!(point, Point::Committed(_)),
        |point: &Point| matches!(point, Point::Produced(_)),
    ] {
        let mut at = 1;
        while charges_on(at, which).await {
            at += 1;
        }
        assert!(at >= 4, "only {at} points");
    }
}

async fn charges_on(at: usize, which: fn(&Point) -> bool) -> bool {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| ledger.delay = Duration::from_secs(3));
    let node = dying(&world, at, which);
    let app = cards(&node, &bank).await;
    let order = Order { id: "1".into(), cents: 70 };
    let run = app.begin::<Purchase>("1", &order).await.unwrap();
    ballet::clock::rest(Duration::from_secs(1)).await;
    if node.is_alive() {
        let cancelled = run.cancel("Eva", "changed her mind");
        let _ = tokio::time::timeout(Duration::from_secs(1), cancelled).await;
    }
    ballet::clock::rest(Duration::from_secs(15)).await;
    let died = !node.is_alive();
    drop(app);
    node.kill();
    let app = cards(&world.node(), &bank).await;
    let run = app.run::<Purchase>("1");
    run.cancel("Eva", "changed her mind").await.unwrap();
    let Outcome::Compensated(_) = ended(&run).await else { panic!("point {at}") };
    assert_eq!(bank.balance(), 0, "point {at}");
    died
}

/// Calls somebody for every number; the first call takes long.
struct Caller;
impl Reactor for Caller {
    const NAME: &'static str = "caller";
    fn reactions() -> Reactions<Self> {
        Reactions::new().on::<Said>(call(Self::out).react(Self::note))
    }
}
impl Caller {
    async fn out(&self, _: &Call, said: &Said) -> Result<u64, Fault> {
        let long = if said.n == 1 { 10 } else { 0 };
        ballet::clock::rest(Duration::from_secs(long)).await;
        Ok(said.n)
    }
    async fn note(&self, tx: &mut Tx, said: &Said, n: &u64) -> Result<(), Fault> {
        let mut heard = tx.get(HEARD, &said.id).await?.unwrap_or_default();
        heard.push(*n);
        tx.put(HEARD, &said.id, &heard)
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_call_is_under_way_its_key_waits_in_order_and_others_go_on() {
    let world = world();
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker()).lanes(1);
    let app = app.reactor_from_the_beginning(Caller).start().await.unwrap();
    for (seq, (id, n)) in (1..).zip([("a", 1), ("a", 2), ("b", 3), ("a", 4)]) {
        world.append(WORDS.name, 0, stamped(id, n, seq).encode());
    }
    let heard = async |id: &str| app.row::<Caller, _, _>(HEARD, &id.to_owned()).await.unwrap();
    ballet::clock::rest(Duration::from_secs(5)).await;
    assert_eq!((heard("a").await, heard("b").await), (None, Some(vec![3])));
    ballet::clock::rest(Duration::from_secs(20)).await;
    assert_eq!(heard("a").await, Some(vec![1, 2, 4]));
}

/// Its call takes a minute, and may take two.
struct Patient(Bank);
impl Reactor for Patient {
    const NAME: &'static str = "cards";
    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .on::<Said>(call(Self::out).within(Duration::from_secs(120)).react(Self::note))
    }
}
impl Patient {
    async fn out(&self, call: &Call, said: &Said) -> Result<u64, Fault> {
        self.0.book(&call.key, 1).await?;
        Ok(said.n)
    }
    async fn note(&self, tx: &mut Tx, said: &Said, n: &u64) -> Result<(), Fault> {
        tx.put(HEARD, &said.id, &vec![*n])
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_may_take_as_long_as_its_line_says() {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| ledger.delay = Duration::from_secs(60));
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker()).lanes(1);
    let app = app.reactor_from_the_beginning(Patient(bank.clone())).start().await.unwrap();
    world.append(WORDS.name, 0, stamped("a", 1, 1).encode());
    ballet::clock::rest(Duration::from_secs(300)).await;
    let heard = app.row::<Patient, _, _>(HEARD, &"a".to_owned()).await.unwrap();
    assert_eq!((heard, bank.calls()), (Some(vec![1]), 1));
}

/// What a call brought for a run that is over is for a person. The call itself is over too: the next owner
/// must not make it again.
#[tokio::test(start_paused = true)]
async fn a_call_that_ends_after_its_run_is_a_dead_letter_and_is_not_made_again() {
    let (world, bank) = (world(), Bank::default());
    let node = world.node();
    let app = travel(&node, &bank).await;
    bank.set(|ledger| ledger.delay = Duration::from_secs(20));
    let run = app.begin::<Travel>("1", &trip(50)).await.unwrap();
    ballet::clock::rest(Duration::from_secs(21)).await;
    bank.set(|ledger| ledger.delay = Duration::ZERO);
    let (verb, why) = (Verb::MarkNotDone, "the bank says so");
    app.operate("travel", "1", verb, "pay-fare", "Eva", why).await.unwrap();
    let Outcome::Compensated(_) = ended(&run).await else { panic!() };
    ballet::clock::rest(Duration::from_secs(30)).await;
    assert_eq!((app.dead_letters(10).await.unwrap().len(), bank.calls()), (1, 3));

    drop(app);
    node.kill();
    let app = travel(&world.node(), &bank).await;
    ballet::clock::rest(Duration::from_secs(30)).await;
    assert_eq!((app.dead_letters(10).await.unwrap().len(), bank.calls()), (1, 3));
}

/// One event takes back two lines, each by a call of its own.
struct Twice(Bank);
impl Reactor for Twice {
    const NAME: &'static str = "twice";
    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .on::<Ordered>(
                react(Self::order)
                    .compensate_on_call::<CancelAsked, _, _>(Self::call, Self::called),
            )
            .on::<Packed>(
                react(Self::pack).compensate_on_call::<CancelAsked, _, _>(Self::call, Self::called),
            )
            .on::<GaveUp>(react(Self::note))
    }
}
impl Twice {
    async fn order(&self, _: &mut Tx, _: &Ordered) -> Result<(), Fault> {
        Ok(())
    }
    async fn pack(&self, _: &mut Tx, _: &Packed) -> Result<(), Fault> {
        Ok(())
    }
    async fn call(&self, call: &Call, _: &CancelAsked, _: &Option<()>) -> Result<u64, Fault> {
        self.0.book(&call.key, 1).await.map(|_| 1)
    }
    async fn called(&self, _: &mut Tx, _: &CancelAsked, _: &u64) -> Result<(), Fault> {
        Ok(())
    }
    async fn note(&self, tx: &mut Tx, e: &GaveUp) -> Result<(), Fault> {
        tx.put(HEARD, &e.id, &vec![1])
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_two_calls_of_its_key_goes_on_when_both_end_at_once() {
    let (world, bank) = (world(), Bank::default());
    bank.set(|ledger| ledger.delay = Duration::from_secs(5));
    let node = world.node();
    let app = App::new(node.store()).broker(node.broker()).lanes(1);
    let app = app.reactor_from_the_beginning(Twice(bank.clone())).start().await.unwrap();
    let names = ["b.ordered", "b.packed", "b.cancel-asked", "b.gave-up"];
    for (n, name) in (1..).zip(names) {
        let mut message = stamped("1", n, n);
        message.envelope_mut().name = name.into();
        message.body = r#"{"id":"1","cents":5}"#.into();
        world.append(ORDERS.name, 0, message.encode());
    }
    ballet::clock::rest(Duration::from_secs(60)).await;
    let heard = app.row::<Twice, _, _>(HEARD, &"1".to_owned()).await.unwrap();
    assert_eq!((heard, bank.calls()), (Some(vec![1]), 2));
}
