//! The processes of a shop: who serves what, and how they are asked.

use ballet::clock::rest;
use ballet::id::derived;
use ballet::{Error, ErrorKind, Refusal};
use containers::process::Process;
use containers::servers::runtime;
use containers::shop::{Part, Said, Shop, ask};
use serde_json::{Value, json};
use shop::contracts::{
    CancelNoted, NOTIFICATION, ORDERS, OrderId, PAYMENTS, Placed, SHIPPING, SetRule, Status,
};
use shop::fakes::{Dials, Outsider, Turn};
use shop::order::NewOrder;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long to look away before somebody is asked again.
const AGAIN: Duration = Duration::from_millis(100);
/// How often a process is begun again that ends before it listens.
const BEGUN: usize = 5;
/// How often somebody is asked again who does not answer.
const TRIES: usize = 600;

/// A process, or the place of one.
struct Seat {
    services: Vec<&'static str>,
    part: Option<Part>,
    is_frozen: bool,
}

/// The processes.
pub struct Crew {
    seats: Vec<Seat>,
    /// How the dials of the outside are: whoever starts anew is told.
    dials: Dials,
    asked: AtomicUsize,
    /// Who could not place an order yet, and asks again and again.
    waiting: Mutex<Vec<JoinHandle<OrderId>>>,
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for seat in &self.seats {
            let said = seat.part.as_ref().map_or("is away".into(), |part| part.process.said());
            writeln!(f, "{} {said}", seat.services.join(","))?;
        }
        Ok(())
    }
}

impl Crew {
    /// Places for all: a process for each of those apart, and as many as are wanted for the others, which
    /// all of them serve.
    pub fn of(all: &[&'static str], apart: &[&'static str], copies: usize) -> Self {
        let others: Vec<_> = all.iter().copied().filter(|name| !apart.contains(name)).collect();
        let alone = apart.iter().map(|name| vec![*name]);
        let seat = |services| Seat { services, part: None, is_frozen: false };
        let shared = vec![others; copies].into_iter().filter(|others| !others.is_empty());
        let seats = alone.chain(shared).map(seat).collect();
        Self { seats, dials: Dials::new(), asked: AtomicUsize::new(0), waiting: Mutex::default() }
    }

    /// Everybody who is served by some process that is there.
    pub fn services(&self) -> Vec<&'static str> {
        let at_work = self.seats.iter().filter(|seat| seat.part.is_some());
        let mut all: Vec<_> = at_work.flat_map(|seat| seat.services.clone()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn begin(&self, seat: &Seat, shop: &Shop) -> Process {
        let (services, dials) = (seat.services.join(","), serde_json::to_string(&self.dials));
        shop.begin_with(&services, &[("SHOP_DIALS", &dials.unwrap())])
    }

    /// Waits until a process listens. One that ends before is begun again, as by whoever watches over
    /// processes: where a machine is very busy Kafka may not answer in time.
    async fn listens(&self, seat: &Seat, mut process: Process, shop: &Shop) -> Part {
        let services = seat.services.join(",");
        for _ in 0..BEGUN {
            match Part::or_ends(&services, process).await {
                Ok(part) => return part,
                Err(ended) => {
                    eprintln!("{services} begins again, after it has said:\n{}", ended.said());
                    process = self.begin(seat, shop);
                }
            }
        }
        Part::of(&services, process).await
    }

    /// Starts all who are away.
    pub async fn revive(&mut self, shop: &Shop) {
        let away = (0..self.seats.len()).filter(|at| self.seats[*at].part.is_none());
        let begun: Vec<_> = away.map(|at| (at, self.begin(&self.seats[at], shop))).collect();
        for (at, process) in begun {
            self.seats[at].part = Some(self.listens(&self.seats[at], process, shop).await);
        }
    }

    /// Waits until all are ready for work: who has never run begins with what is said from then on.
    pub async fn ready(&self) {
        for part in self.seats.iter().filter_map(|seat| seat.part.as_ref()) {
            part.ready().await;
        }
    }

    fn seat_of(&mut self, name: &str) -> usize {
        let alone = self.seats.iter().position(|seat| seat.services == [name]);
        alone.unwrap_or_else(|| panic!("`{name}` has no process of its own: say so in the list"))
    }

    /// Starts a process that is away.
    pub async fn start(&mut self, name: &str, shop: &Shop) {
        let at = self.seat_of(name);
        let process = self.begin(&self.seats[at], shop);
        self.seats[at].part = Some(self.listens(&self.seats[at], process, shop).await);
    }

    /// Kills a process.
    pub async fn kill(&mut self, name: &str) {
        let at = self.seat_of(name);
        let gone = self.seats[at].part.take();
        gone.unwrap_or_else(|| panic!("`{name}` is not at work")).process.kill().await;
    }

    /// Kills all processes.
    pub async fn kill_everybody(&mut self) {
        for part in &mut self.leave() {
            part.process.kill().await;
        }
    }

    /// All processes, for somebody else to look after.
    pub fn leave(&mut self) -> Vec<Part> {
        self.seats.iter_mut().filter_map(|seat| seat.part.take()).collect()
    }

    /// Starts a second process of what serves this and nothing else.
    pub async fn double(&mut self, name: &str, shop: &Shop) {
        let at = self.seat_of(name);
        let mut seat =
            Seat { services: self.seats[at].services.clone(), part: None, is_frozen: false };
        let part = self.listens(&seat, self.begin(&seat, shop), shop).await;
        part.ready().await;
        seat.part = Some(part);
        self.seats.push(seat);
    }

    /// Stops a process where it is.
    pub async fn freeze(&mut self, name: &str) {
        let at = self.seat_of(name);
        self.seats[at].is_frozen = true;
        self.process(at).freeze().await;
    }

    /// Lets a process go on.
    pub async fn thaw(&mut self, name: &str) {
        let at = self.seat_of(name);
        self.process(at).thaw().await;
        self.seats[at].is_frozen = false;
    }

    fn process(&self, at: usize) -> &Process {
        let Seat { services, part, .. } = &self.seats[at];
        &part.as_ref().unwrap_or_else(|| panic!("{services:?} is not at work")).process
    }

    /// Those that are at work.
    fn awake(&self) -> impl Iterator<Item = (&[&'static str], &Part)> {
        let awake = self.seats.iter().filter(|seat| !seat.is_frozen);
        awake.filter_map(|seat| Some((&*seat.services, seat.part.as_ref()?)))
    }

    /// Those that serve this and are at work.
    fn serving(&self, service: &str) -> impl Iterator<Item = &Part> {
        let serving = self.awake().filter(move |(services, _)| services.contains(&service));
        serving.map(|(_, part)| part)
    }

    /// Asks those that serve this in turn, until one of them answers and is not too busy.
    async fn ask(
        &self,
        service: &str,
        (method, path): (&str, &str),
        headers: &[(&str, &str)],
        body: &str,
    ) -> Said {
        let mut told = String::new();
        for _ in 0..TRIES {
            let parts: Vec<&Part> = self.serving(service).collect();
            let turn = self.asked.fetch_add(1, Ordering::Relaxed);
            if let Some(part) = parts.get(turn % parts.len().max(1)) {
                match part.try_ask(method, path, headers, body).await {
                    Ok(said) if !matches!(said.status, 503 | 504) => return said,
                    other => told = format!("{other:?}"),
                }
            }
            rest(AGAIN).await;
        }
        panic!("nobody answers {method} {path}: {told}");
    }

    /// Places an order under a key, and waits until it is taken up.
    pub async fn place(
        &self,
        key: &str,
        order: &NewOrder,
    ) -> Result<Result<Placed, Refusal>, Error> {
        let body = serde_json::to_string(order).unwrap();
        let said =
            self.ask(ORDERS, ("POST", "/v1/orders"), &[("Idempotency-Key", key)], &body).await;
        if said.status == 422 && said.json()["error"] == "key_reused" {
            return Err(Error::new(ErrorKind::Conflict, said.text));
        }
        assert_eq!(said.status, 202, "{said:?}");
        let order_id = said.json()["order_id"].as_str().unwrap().to_owned();
        self.look(&order_id).await;
        Ok(Ok(Placed { order_id }))
    }

    /// Places an order under a key, however long it takes until somebody can take it up. Its number is made of
    /// the key, so that the customer knows it before.
    pub fn will_place(&self, key: &str, order: &NewOrder) -> Placed {
        let (key, body) = (key.to_owned(), serde_json::to_string(order).unwrap());
        let order_id = derived(&["order", &key]).to_string();
        let at: Vec<SocketAddr> = self.serving(ORDERS).map(|part| part.at).collect();
        let placing = runtime().spawn(async move {
            for turn in 0..TRIES {
                let headers = [("Idempotency-Key", &*key)];
                match ask(at[turn % at.len()], "POST", "/v1/orders", &headers, &body).await {
                    Ok(said) if said.status == 202 => {
                        return said.json()["order_id"].as_str().unwrap().to_owned();
                    }
                    Ok(said) if !matches!(said.status, 503 | 504) => panic!("{said:?}"),
                    Ok(_) | Err(_) => rest(AGAIN).await,
                }
            }
            panic!("nobody takes the order of {key}");
        });
        self.waiting.lock().unwrap().push(placing);
        Placed { order_id }
    }

    /// Waits until all orders are taken up that could not be before.
    pub async fn have_placed(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap());
        for placing in waiting {
            let order_id = placing.await.expect("it is taken up");
            self.look(&order_id).await;
        }
    }

    /// Where an order stands that was placed.
    async fn look(&self, order_id: &str) -> Status {
        let said = self.ask(ORDERS, ("GET", &format!("/v1/orders/{order_id}")), &[], "").await;
        assert_eq!(said.status, 200, "{said:?}");
        serde_json::from_value(said.json()["status"].clone()).unwrap()
    }

    /// Wants an order cancelled, and does not wait long for what comes of it.
    pub async fn cancel(&self, order_id: &OrderId) -> CancelNoted {
        let path = format!("/v1/orders/{order_id}/cancel?timeout=500");
        let said = self.ask(ORDERS, ("POST", &path), &[], "").await;
        assert!(matches!(said.status, 200 | 202 | 409), "{said:?}");
        CancelNoted { status: self.look(order_id).await, pending: said.status == 202 }
    }

    /// Says which check is required from now on.
    pub async fn rule(&self, rule: &SetRule) {
        let path = format!("/dials/rules/{}?timeout=60000", rule.check);
        let body = json!({"mode": rule.mode, "enabled": rule.enabled}).to_string();
        let said = self.ask(ORDERS, ("PUT", &path), &[], &body).await;
        assert_eq!(said.status, 200, "{said:?}");
    }

    /// Takes up again whatever was given up, and is known to a process.
    pub async fn resume(&self) {
        for (_, part) in self.awake() {
            let letters = part.get("/dead-letters?limit=1000").await.json();
            for letter in letters["dead_letters"].as_array().unwrap() {
                let path = format!("/dead-letters/{}/replay", letter["id"].as_str().unwrap());
                let said = part.ask("POST", &path, "").await;
                // Another process of the same service may have been faster.
                assert!(matches!(said.status, 202 | 404), "{said:?}");
            }
        }
    }

    /// Turns dials in every process that calls whoever it is; answers get lost in one of them.
    pub async fn turn(&mut self, whom: Outsider, turn: Turn) {
        let body = serde_json::to_string(&turn).unwrap();
        let most = if turn.lose_answers.is_some() { 1 } else { usize::MAX };
        for part in self.serving(caller_of(whom)).take(most) {
            let said = part.ask("PUT", &format!("/dials/{}", whom.name()), &body).await;
            assert_eq!(said.status, 200, "{said:?}");
        }
        let known = self.dials.entry(whom).or_default();
        (known.wire, known.after) = (turn.wire.or(known.wire), turn.after.or(known.after));
        known.decline.extend(turn.decline);
        known.expire.extend(turn.expire);
    }

    /// How often somebody outside was called by those that are at work.
    pub async fn calls(&self, whom: Outsider) -> u64 {
        let mut calls = 0;
        for part in self.serving(caller_of(whom)) {
            calls += part.get("/dials").await.json()["calls"][whom.name()].as_u64().unwrap();
        }
        calls
    }

    /// How many messages came again and were dropped, by those that are at work.
    pub async fn duplicates(&self) -> u64 {
        let mut duplicates = 0;
        for (_, part) in self.awake() {
            let health = part.get("/health").await.json();
            let of = |lane: &Value| lane["duplicates"].as_u64().unwrap();
            duplicates += health["lanes"].as_array().unwrap().iter().map(of).sum::<u64>();
        }
        duplicates
    }
}

/// Who calls somebody outside.
const fn caller_of(whom: Outsider) -> &'static str {
    match whom {
        Outsider::Provider => PAYMENTS,
        Outsider::Carrier => SHIPPING,
        Outsider::Mail => NOTIFICATION,
    }
}
