//! How patient a saga is, as its instance says.

use crate::lane::bank::Consent;
use crate::lane::shop::{Order, ended, order, world};
use ballet::clock::{Stopwatch, Time, rest};
use ballet::memory::{Node, World};
use ballet::saga::Timing;
use ballet::store::LaneId;
use ballet::{App, Error, ErrorKind, Fault, Outcome, Plan, Retry, Running, Saga, act, hear, tell};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[derive(Debug, Serialize, Deserialize)]
pub struct Note {
    id: String,
}
ballet::service! { pub NOTES = "timing-notes" { Note = "timing.note" -> () } }

const AN_HOUR: Duration = Duration::from_secs(3600);

/// Waits for a signal, tells somebody, and then does what breaks as often as it is told to.
#[derive(Clone, Default)]
pub struct Wait {
    consent: Option<Duration>,
    whole: Option<Duration>,
    spacing: Option<Retry>,
    wrong: Option<&'static str>,
    left: Arc<AtomicUsize>,
}

impl Saga for Wait {
    const NAME: &'static str = "wait";
    type Input = Order;
    fn plan() -> Plan<Self> {
        Plan::begin()
            .step("consent", hear::<Consent>().leaves_nothing().within(2 * AN_HOUR))
            .step("note", tell(Self::note))
            .step("go", act(Self::go).pivot())
            .end()
    }
    fn timing(&self, timing: &mut Timing<'_>) {
        if let Some(consent) = self.consent {
            timing.within("consent", consent);
        }
        if let Some(whole) = self.whole {
            timing.run(whole);
        }
        if let Some(spacing) = self.spacing {
            timing.retry("go", spacing);
        }
        if let Some(wrong) = self.wrong {
            timing.within(wrong, AN_HOUR);
        }
    }
}

impl Wait {
    fn note(order: &Order) -> Note {
        Note { id: order.id.clone() }
    }
    async fn go(&self) -> Result<(), Fault> {
        let less = |left: usize| left.checked_sub(1);
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(_) => Err(Fault::new("not now")),
            Err(_) => Ok(()),
        }
    }
}

async fn serve(node: &Node, saga: Wait) -> Result<Running, Error> {
    App::new(node.store()).broker(node.broker()).saga(saga).start().await
}

/// How long a run of it lasts to which nobody says a word.
async fn lasts(saga: Wait) -> Duration {
    let world = world();
    let app = serve(&world.node(), saga).await.unwrap();
    let begun = Stopwatch::start();
    let run = app.begin::<Wait>("1", &order("1", 7)).await.unwrap();
    assert!(matches!(ended(&run).await, Outcome::Compensated(_)));
    begun.elapsed()
}

fn about(found: Duration, wanted: Duration) -> bool {
    (wanted..wanted + Duration::from_secs(5)).contains(&found)
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_a_saga_sets_the_deadlines_of_its_runs() {
    assert!(about(lasts(Wait::default()).await, 2 * AN_HOUR), "as the plan says");
    let hasty = Wait { consent: Some(AN_HOUR), ..Wait::default() };
    assert!(about(lasts(hasty).await, AN_HOUR));
    let hastier = Wait { whole: Some(AN_HOUR / 2), ..Wait::default() };
    assert!(about(lasts(hastier).await, AN_HOUR / 2));
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_a_saga_sets_the_spacing_of_attempts() {
    let world = world();
    let left = Arc::new(AtomicUsize::new(2));
    let spacing = Some(Retry::every(AN_HOUR).up_to(AN_HOUR));
    let saga = Wait { spacing, left, ..Wait::default() };
    let app = serve(&world.node(), saga).await.unwrap();
    let run = app.begin::<Wait>("1", &order("1", 7)).await.unwrap();
    run.signal("consent", &Consent { by: "eva".into() }).await.unwrap();
    rest(AN_HOUR / 2).await;
    assert_eq!(run.outcome_within(Duration::ZERO).await.unwrap(), None);
    assert_eq!(ended(&run).await, Outcome::Completed);
}

/// What the lanes of the saga have for later: when the next timer of each rings. Whoever asks takes them.
async fn due(world: &World) -> Vec<Time> {
    let mut due = Vec::new();
    for lane in 0..2 {
        due.extend(world.node().store().take(&LaneId::new("wait", lane)).await.unwrap().due);
    }
    due
}

#[tokio::test(start_paused = true)]
async fn whatever_moves_the_timer_of_a_run_it_has_one_and_none_when_it_has_ended() {
    let world = world();
    let node = world.node();
    let saga = Wait { left: Arc::new(AtomicUsize::new(2)), ..Wait::default() };
    let app = serve(&node, saga.clone()).await.unwrap();
    app.begin::<Wait>("1", &order("1", 7)).await.unwrap();
    rest(Duration::from_secs(5)).await;
    node.kill();
    let [first] = due(&world).await[..] else { panic!("it has one") };
    let app = serve(&world.node(), saga).await.unwrap();
    let run = app.run::<Wait>("1");
    // What breaks is tried again within seconds, and not after two hours.
    run.signal("consent", &Consent { by: "eva".into() }).await.unwrap();
    rest(Duration::from_millis(500)).await;
    assert_eq!(run.outcome_within(Duration::ZERO).await.unwrap(), None);
    let [next] = due(&world).await[..] else { panic!("it has one still") };
    assert!(next < first, "{next:?}, {first:?}");
    assert_eq!(ended(&run).await, Outcome::Completed);
    assert_eq!(due(&world).await, []);
}

/// One batch sets its timer and takes it away.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_by_the_batch_that_begins_it_leaves_no_timer() {
    let world = world();
    let first = world.node();
    drop(serve(&first, Wait::default()).await.unwrap());
    first.kill();
    // Its lanes are nowhere now, so both wait in the inbox.
    let node = world.node();
    let client = App::new(node.store()).broker(node.broker()).start().await.unwrap();
    let run = client.begin::<Wait>("1", &order("1", 7)).await.unwrap();
    run.cancel("Eva", "rain").await.unwrap();
    let server = world.node();
    let app = serve(&server, Wait::default()).await.unwrap();
    assert!(matches!(ended(&run).await, Outcome::Compensated(_)));
    rest(Duration::from_secs(1)).await;
    let batches = app.health().into_values().map(|health| health.batches).sum::<u64>();
    assert_eq!(batches, 1, "of both lanes");
    server.kill();
    assert_eq!(due(&world).await, []);
}

/// Times are no part of a plan's identity: nobody has to keep a former one.
#[tokio::test(start_paused = true)]
async fn runs_go_on_when_the_next_process_is_more_patient() {
    let world = world();
    let node = world.node();
    let app = serve(&node, Wait { consent: Some(AN_HOUR), ..Wait::default() }).await.unwrap();
    app.begin::<Wait>("1", &order("1", 7)).await.unwrap();
    rest(Duration::from_secs(5)).await;
    node.kill();
    let saga = Wait { consent: Some(3 * AN_HOUR), whole: Some(9 * AN_HOUR), ..Wait::default() };
    let app = serve(&world.node(), saga).await.unwrap();
    let run = app.run::<Wait>("1");
    run.signal("consent", &Consent { by: "eva".into() }).await.unwrap();
    assert_eq!(ended(&run).await, Outcome::Completed);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_no_step_is_refused_at_the_start() {
    for (step, told) in [
        ("consnet", "saga `wait` sets the time of no step `consnet`"),
        ("note", "step `note` of saga `wait` waits for nobody: set no time"),
    ] {
        let saga = Wait { wrong: Some(step), ..Wait::default() };
        let refused = serve(&world().node(), saga).await.unwrap_err();
        assert_eq!((refused.kind(), &*refused.to_string()), (ErrorKind::Definition, told));
    }
}
