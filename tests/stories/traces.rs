//! One trace from the first request to the letter: in every message, in every span, and outside.
//!
//! Goal: whoever has the trace id of a request finds all that followed from it. Method: an order is
//! placed in a trace; what the broker has, what the post was told, and what a subscriber was told are
//! compared with it.

use crate::lane::shop::{ended, world};
use ballet::message::{Kind, trace_id};
use ballet::{App, Cx, Key, Message, Plan, Saga, StepError, Text, act};
use shop::cast::Cast;
use shop::contracts::{FRAUD, ORDERS, PlaceOrder, Status};
use shop::stage::Stage;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn opened(cast: Cast) -> Stage {
    let mut stage = Stage::open(cast).await;
    stage.customer("eva", "AT").await;
    stage.stock("ipad", 10).await;
    stage
}

/// An order `1` is placed in the trace, and comes to its end; its customer is told.
async fn bought(stage: &mut Stage) -> Status {
    let ask = PlaceOrder { order_id: "1".into(), order: Stage::basket("eva", 1, "ipad") };
    let office = stage.office(ORDERS).traced(TRACEPARENT);
    let asked = office.request("1", &Key::new("1"), &ask).await.unwrap();
    asked.reply(Duration::from_secs(60)).await.unwrap().unwrap().unwrap();
    let end = stage.end_of("1").await;
    while stage.outside().mail.sent().is_empty() {
        stage.seconds(1).await;
    }
    stage.seconds(60).await;
    end
}

async fn of_the_order(stage: &Stage) -> Vec<Message> {
    let mut messages = stage.messages().await;
    messages.retain(|message| message.envelope.correlation == "1");
    messages
}

async fn all_are_in_the_trace(stage: &Stage, names: &[&str]) {
    let messages = of_the_order(stage).await;
    for message in &messages {
        let given = message.envelope.traceparent.as_deref();
        assert_eq!(given, Some(TRACEPARENT), "{:?}", message.envelope);
    }
    let said: BTreeSet<&str> = messages.iter().map(|said| said.envelope.name.as_str()).collect();
    for name in names {
        assert!(said.contains(name), "`{name}` is not among {said:?}");
    }
    let letters = stage.outside().mail.sent();
    assert_eq!(letters.len(), 1);
    assert!(letters.values().all(|letter| letter.traceparent.as_deref() == Some(TRACEPARENT)));
    let others = stage.messages().await.into_iter().filter(|said| said.envelope.correlation != "1");
    assert!(others.into_iter().all(|said| said.envelope.traceparent.is_none()));
}

async fn a_purchase(cast: Cast) -> Stage {
    let mut stage = opened(cast).await;
    assert_eq!(bought(&mut stage).await, Status::Shipped);
    all_are_in_the_trace(&stage, &["order.created", "payment.captured", "order.shipped"]).await;
    stage
}

/// The fraud check says nothing, so a timer decides, and everything is taken back.
async fn a_purchase_that_is_taken_back(cast: Cast) {
    let mut stage = opened(cast).await;
    stage.kill(FRAUD).await;
    assert_eq!(bought(&mut stage).await, Status::Cancelled);
    all_are_in_the_trace(&stage, &["order.created", "stock.released", "order.cancelled"]).await;
}

#[tokio::test(start_paused = true)]
async fn every_message_of_a_choreographed_purchase_and_its_letter_are_in_one_trace() {
    a_purchase(choreographed::CAST).await;
    a_purchase_that_is_taken_back(choreographed::CAST).await;
}

#[tokio::test(start_paused = true)]
async fn every_message_of_an_orchestrated_purchase_and_its_letter_are_in_one_trace() {
    let stage = a_purchase(orchestrated::CAST).await;
    let replies = |message: &Message| message.envelope.kind == Kind::Reply;
    assert!(of_the_order(&stage).await.iter().any(replies), "replies are among them");
    a_purchase_that_is_taken_back(orchestrated::CAST).await;
}

/// A saga whose method calls the outside, and notes the trace that it is handed.
#[derive(Clone, Default)]
struct Ring(Arc<Mutex<Vec<Option<Text>>>>);

impl Saga for Ring {
    const NAME: &'static str = "ring";
    type Input = u64;
    fn plan() -> Plan<Self> {
        Plan::begin().step("ring", act(Self::ring).pivot()).end()
    }
}
impl Ring {
    async fn ring(&self, cx: &Cx) -> Result<(), StepError> {
        self.0.lock().unwrap().push(cx.traceparent.clone());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_of_a_saga_is_handed_the_trace_that_its_run_was_begun_in() {
    let (ring, node) = (Ring::default(), world().node());
    let app = App::new(node.store()).broker(node.broker()).saga(ring.clone());
    let app = app.start().await.unwrap();
    for (id, given) in [("1", Some(TRACEPARENT)), ("2", Some("00-odd")), ("3", None)] {
        let run = app.traced(given).begin::<Ring>(id, &0).await.unwrap();
        ended(&run).await;
    }
    let handed = ring.0.lock().unwrap().clone();
    assert_eq!(handed, [Some(TRACEPARENT.into()), None, None]);
}

type Fields = BTreeMap<&'static str, String>;

/// Collects the spans of the framework.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Fields>>>);

struct Noting<'a>(&'a mut Fields);

impl Visit for Noting<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let earlier = self.0.insert(field.name(), value.to_owned());
        assert!(earlier.is_none(), "`{field}` is recorded twice");
    }
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("ballet")
    }
    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut fields = Fields::from([("span", attributes.metadata().name().to_owned())]);
        attributes.record(&mut Noting(&mut fields));
        let mut spans = self.0.lock().unwrap();
        spans.push(fields);
        span::Id::from_u64(spans.len() as u64)
    }
    fn record(&self, id: &span::Id, values: &span::Record<'_>) {
        let at = usize::try_from(id.into_u64()).unwrap() - 1;
        values.record(&mut Noting(&mut self.0.lock().unwrap()[at]));
    }
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

async fn spans_of(cast: Cast) -> (Vec<Fields>, Stage) {
    let collector = Collector::default();
    // Of one subscriber alone `tracing` asks the thread that comes first to a place whether anybody
    // wants to hear of it, and keeps the answer: that thread may be another test's, which has none.
    let _another = tracing::Dispatch::new(Collector::default());
    let _guard = tracing::subscriber::set_default(collector.clone());
    let stage = a_purchase(cast).await;
    let mut spans = collector.0.lock().unwrap().clone();
    spans.retain(|span| span.get("messaging.message.conversation_id").is_some_and(|id| id == "1"));
    (spans, stage)
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_sees_one_trace_in_all_that_was_handled_for_a_purchase() {
    for cast in [orchestrated::CAST, choreographed::CAST] {
        let (spans, stage) = spans_of(cast).await;
        for span in &spans {
            assert_eq!(span.get("trace_id").map(String::as_str), Some(TRACE), "{span:?}");
        }
        let values = |field| -> BTreeSet<&str> {
            spans.iter().filter_map(|span| span.get(field).map(String::as_str)).collect()
        };
        assert_eq!(values("span"), BTreeSet::from(["handle"]));
        assert_eq!(values("messaging.system"), BTreeSet::from(["ballet"]));
        assert_eq!(values("messaging.operation.type"), BTreeSet::from(["process"]));
        let names = values("name");
        for name in ["inbox entry", "order.created", "order.shipped"] {
            assert!(names.contains(name), "`{name}` is not among {names:?}");
        }
        let groups = values("messaging.consumer.group.name");
        for group in ["orders", "inventory", "payments", "shipping", "notification"] {
            assert!(groups.contains(group), "`{group}` is not among {groups:?}");
        }
        let said: BTreeSet<String> =
            of_the_order(&stage).await.iter().map(|said| said.envelope.id.to_string()).collect();
        let ids = values("messaging.message.id");
        assert!(ids.len() > 10 && ids.iter().all(|id| said.contains(*id)), "{ids:?}");
        assert_eq!(trace_id(TRACEPARENT), Some(TRACE));
    }
}
