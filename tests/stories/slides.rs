//! The slides, literally: four events become current state (D1), sharded by odd and even orders (D6).

use ballet::clock::{RuntimeClock, Time};
use ballet::memory::{Fate, Node, Point, World};
use ballet::message::Kind;
use ballet::{App, Envelope, Event, Key, Message, Running, Sources, View};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Serialize, Deserialize)]
struct Created {
    order_no: u32,
    product: String,
}
#[derive(Serialize, Deserialize)]
struct Shipped {
    order_no: u32,
}
ballet::topic! {
    ORDERS = "slides.orders", key order_no {
        Created = "order.created", Shipped = "order.shipped"
    }
}

/// Where every order stands.
struct Current;

impl View for Current {
    const NAME: &'static str = "current";
    type Key = u32;
    type Row = (String, String);

    fn sources() -> Sources<Self> {
        Sources::new()
            .on::<Created>(
                |said| said.order_no,
                |known, said| known.or(Some((said.product.clone(), "created".to_owned()))),
            )
            .on::<Shipped>(
                |said| said.order_no,
                |known, _| known.map(|(product, _)| (product, "shipped".to_owned())),
            )
    }
}

/// The four events of the slide, by their numbers on it.
fn say(world: &World, number: u32) {
    let iphone = || Created { order_no: 1, product: "iphone".to_owned() };
    let ipad = || Created { order_no: 2, product: "ipad".to_owned() };
    match number {
        1 => append(world, 1, number, &iphone()),
        2 => append(world, 2, number, &ipad()),
        3 => append(world, 3, number, &Created { order_no: 3, product: "ipad".to_owned() }),
        _ => append(world, 1, number, &Shipped { order_no: 1 }),
    }
}

/// Odd orders on one partition, even ones on the other.
fn append<E: Event>(world: &World, order_no: u32, id: u32, event: &E) {
    let envelope = Envelope {
        id: ballet::id::derived(&["slide", &id.to_string()]),
        kind: Kind::Event,
        name: E::NAME.to_owned(),
        version: 1,
        key: Key::new(order_no.to_string()),
        correlation: order_no.to_string(),
        causation: None,
        hop: 0,
        occurred_at: Time::default(),
        traceparent: None,
        stamp: None,
        step: None,
    };
    let message = Message { envelope, body: serde_json::to_vec(event).unwrap().into() };
    world.append(ORDERS.name, order_no % 2, message.encode());
}

fn world() -> World {
    World::new(Arc::new(RuntimeClock::starting_at(Time::default())))
}

async fn serve(node: &Node) -> Running {
    let app = App::new(node.store()).broker(node.broker());
    app.view::<Current>().start().await.unwrap()
}

async fn seconds(seconds: u64) {
    ballet::clock::rest(Duration::from_secs(seconds)).await;
}

async fn at(app: &Running, order_no: u32) -> Option<String> {
    let row = app.view::<Current>(&order_no).await.unwrap();
    row.map(|(product, status)| format!("{product}, {status}"))
}
