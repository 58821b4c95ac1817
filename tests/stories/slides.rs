//! The slides, literally: four events become current state (D1), sharded by odd and even orders (D6).

use ballet::clock::{RuntimeClock, Time};
use ballet::memory::{Fate, Node, Point, World};
use ballet::message::Kind;
use ballet::{App, Envelope, Event, Key, Message, Running, Sources, View};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An order, as the slides tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Order {
    order_no: u32,
    product: String,
    status: String,
}
ballet::topic! { ORDERS = "slides.orders", key order_no { Order = "order.changed" } }

/// Where every order stands.
struct Current;

impl View for Current {
    const NAME: &'static str = "current";
    type Key = u32;
    type Row = Order;

    fn sources() -> Sources<Self> {
        Sources::new().on::<Order>(|said| said.order_no, |_, said| Some(said.clone()))
    }
}

/// The four events of the slide.
const STREAM: [(u32, &str, &str); 4] = [
    (1, "iphone", "created"),
    (1, "iphone", "valid"),
    (1, "iphone", "shipped"),
    (2, "ipad", "created"),
];

/// Says one of them; odd orders go to one partition, even ones to the other.
fn say(world: &World, number: usize) {
    let (order_no, product, status) = STREAM[number - 1];
    let said = Order { order_no, product: product.to_owned(), status: status.to_owned() };
    let envelope = Envelope {
        id: ballet::id::derived(&["slide", &number.to_string()]),
        kind: Kind::Event,
        name: Order::NAME.into(),
        version: 1,
        key: Key::from(&order_no),
        correlation: order_no.to_string().into(),
        causation: None,
        hop: 0,
        occurred_at: Time::default(),
        traceparent: None,
        stamp: None,
        step: None,
    };
    let message = Message::new(envelope, serde_json::to_vec(&said).unwrap());
    world.append(ORDERS.name, order_no % 2, message.encode());
}

fn world() -> World {
    World::new(Arc::new(RuntimeClock::starting_at(Time::default())))
}

async fn serve(node: &Node) -> Running {
    App::new(node.store()).broker(node.broker()).view::<Current>().start().await.unwrap()
}

async fn two_seconds() {
    ballet::clock::rest(Duration::from_secs(2)).await;
}

/// The state as the slide writes it.
async fn state(app: &Running) -> [String; 2] {
    let mut told = [String::new(), String::new()];
    for (order_no, line) in (1..).zip(&mut told) {
        if let Some(row) = app.view::<Current>(&order_no).await.unwrap() {
            *line = format!("{order_no}: {}, {}", row.product, row.status);
        }
    }
    told
}

const AS_ON_THE_SLIDE: [&str; 2] = ["1: iphone, shipped", "2: ipad, created"];

/// D1: "apply the four events; state is exactly `{1: iphone, shipped; 2: ipad, created}`. Re-apply
/// all, shuffled per key-order-preserving, with duplicates → same state".
#[tokio::test(start_paused = true)]
async fn d1_four_events_become_current_state() {
    for stream in [vec![1, 2, 3, 4], vec![4, 1, 1, 2, 4, 3, 2, 1], vec![1, 2, 4, 3, 1, 2, 3, 4]] {
        let world = world();
        let app = serve(&world.node()).await;
        stream.into_iter().for_each(|number| say(&world, number));
        two_seconds().await;
        assert_eq!(state(&app).await, AS_ON_THE_SLIDE);
        app.stop().await;
    }
}

/// A process that writes down which lanes it writes, which are the shards that it holds.
fn watched(world: &World) -> (Node, Arc<Mutex<BTreeSet<u32>>>) {
    let held = Arc::<Mutex<BTreeSet<u32>>>::default();
    let holds = Arc::clone(&held);
    let node = world.node_with(move |point| {
        if let Point::Commit(lane) = point {
            holds.lock().unwrap().insert(lane.lane);
        }
        Fate::Go
    });
    (node, held)
}

/// D6: "with 2 partitions and `order_no % 2`: instance A holds {1: iphone, shipped}, B holds {2:
/// ipad, created}. Stop A → B holds both".
#[tokio::test(start_paused = true)]
async fn d6_odd_and_even_orders_are_sharded_and_taken_over() {
    let world = world();
    let ((b, b_holds), (a, a_holds)) = (watched(&world), watched(&world));
    let (b_app, a_app) = (serve(&b).await, serve(&a).await);
    two_seconds().await;
    b_holds.lock().unwrap().clear();

    [1, 2, 4].into_iter().for_each(|number| say(&world, number));
    two_seconds().await;
    assert_eq!(*a_holds.lock().unwrap(), BTreeSet::from([1]), "A holds the odd ones");
    assert_eq!(*b_holds.lock().unwrap(), BTreeSet::from([0]), "B holds the even ones");

    a_app.stop().await;
    a.kill();
    say(&world, 3);
    two_seconds().await;
    assert_eq!(*b_holds.lock().unwrap(), BTreeSet::from([0, 1]), "B holds both");
    assert_eq!(state(&b_app).await, AS_ON_THE_SLIDE);
}
