//! A bank outside of everything: it keeps its own ledger by idempotency key, and is slow when told so.
//! One saga and one choreography call it.

use ballet::memory::Node;
use ballet::store::Store;
use ballet::{
    App, Call, Cx, Fault, Plan, Reactions, Reactor, Retry, Running, Saga, StepError, Tx, Verdict,
    act, after, answer, ask, call, hear, look, react, refuse,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Debug, Default)]
pub struct Ledger {
    /// What took effect, by idempotency key.
    pub effects: BTreeMap<String, i64>,
    pub calls: usize,
    pub delay: Duration,
    pub broken: usize,
    /// Breaks after the effect, so that nobody knows.
    pub broken_after: usize,
}

#[derive(Debug, Clone, Default)]
pub struct Bank(pub Arc<Mutex<Ledger>>);

impl Bank {
    pub fn set(&self, change: impl FnOnce(&mut Ledger)) {
        change(&mut self.0.lock().unwrap());
    }

    pub fn balance(&self) -> i64 {
        self.0.lock().unwrap().effects.values().sum()
    }

    pub fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    pub async fn book(&self, key: &str, cents: i64) -> Result<String, Fault> {
        let delay = self.0.lock().unwrap().delay;
        ballet::clock::rest(delay).await;
        let mut ledger = self.0.lock().unwrap();
        ledger.calls += 1;
        if ledger.broken > 0 {
            ledger.broken -= 1;
            return Err(Fault::new("the bank is away"));
        }
        ledger.effects.insert(key.to_owned(), cents);
        if ledger.broken_after > 0 {
            ledger.broken_after -= 1;
            return Err(Fault::new("the line was cut"));
        }
        Ok(format!("ref-{key}"))
    }
}

macro_rules! record {
    ($($name:ident { $($field:ident: $type:ty),* })*) => {
        $(#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name { $(pub $field: $type),* })*
    };
}

record! {
    Trip { id: String, fare: i64 }
    Ticket { number: String }
    Room { number: String }
    Consent { by: String }
    Book { id: String }
    Unbook { id: String }
    Authorized { reference: String }
    Authorize { id: String, cents: i64 }
    Void { id: String }
    Ordered { id: String, cents: i64 }
    Paid { id: String }
    Refused { id: String }
    Packed { id: String }
    CancelAsked { id: String }
    Cancelled { id: String }
    TooLate { id: String }
    GaveUp { id: String }
    Order { id: String, cents: i64 }
    Pack { id: String }
    Cancel { id: String }
}

ballet::topic! { pub ORDERS = "b.orders", key id {
    Ordered = "b.ordered", CancelAsked = "b.cancel-asked", GaveUp = "b.gave-up", Packed = "b.packed",
} }
ballet::topic! { pub MONEY = "b.money", key id {
    Paid = "b.paid", Refused = "b.refused", Cancelled = "b.cancelled", TooLate = "b.too-late",
} }
ballet::service! { pub CARDS = "cards" {
    Authorize = "b.authorize" -> Authorized, Void = "b.void" -> (),
} }
ballet::service! { pub HOTEL = "hotel" { Book = "b.book" -> Room, Unbook = "b.unbook" -> () } }
ballet::service! { pub FRONT = "front" {
    Order = "b.order" -> (), Pack = "b.pack" -> (), Cancel = "b.cancel" -> (),
} }

/// A ticket by a method, a room by a command, consent by a signal, the fare as the pivot.
pub struct Travel(pub Bank);

impl Saga for Travel {
    const NAME: &'static str = "travel";
    type Input = Trip;
    fn plan() -> Plan<Self> {
        Plan::begin()
            .together(|side| {
                side.step("buy-ticket", act(Self::buy_ticket).compensate(Self::return_ticket))
                    .step("book-room", ask(Self::book_room).compensate(Self::unbook_room))
            })
            .step("consent", hear::<Consent>().leaves_nothing().within(AN_HOUR).when(Self::is_dear))
            .step("pay-fare", act(Self::pay_fare).pivot())
            .step("send-ticket", act(Self::send_ticket).retry(Retry::QUICK))
            .end()
    }
}

const AN_HOUR: Duration = Duration::from_secs(3600);

impl Travel {
    async fn buy_ticket(&self, cx: &Cx, _trip: &Trip) -> Result<Ticket, StepError> {
        Ok(Ticket { number: self.0.book(&cx.key(), 1).await? })
    }
    async fn return_ticket(&self, cx: &Cx, _ticket: &Ticket) -> Result<(), Fault> {
        self.0.book(&cx.key(), -1).await.map(drop)
    }
    fn book_room(trip: &Trip) -> Book {
        Book { id: trip.id.clone() }
    }
    fn unbook_room(trip: &Trip) -> Unbook {
        Unbook { id: trip.id.clone() }
    }
    fn is_dear(trip: &Trip) -> bool {
        trip.fare > 100
    }
    async fn pay_fare(&self, cx: &Cx, trip: &Trip) -> Result<Authorized, StepError> {
        if trip.fare < 0 {
            return Err(refuse("negative", "a fare is positive"));
        }
        Ok(Authorized { reference: self.0.book(&cx.key(), trip.fare).await? })
    }
    async fn send_ticket(
        &self,
        cx: &Cx,
        ticket: &Ticket,
        room: &Room,
        consent: &Option<Consent>,
    ) -> Result<(), Fault> {
        let _ = (&ticket.number, &room.number, consent.as_ref().map(|c| &c.by));
        self.0.book(&cx.key(), 0).await.map(drop)
    }
}

pub struct Hotel;
impl Reactor for Hotel {
    const NAME: &'static str = "hotel";
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Book>(answer(Self::book).compensate_by::<Unbook>(Self::unbook))
    }
}
/// Rooms that are booked.
pub const ROOMS: ballet::Table<String, i64> = ballet::Table::new("rooms");
impl Hotel {
    async fn book(&self, tx: &mut Tx, c: &Book) -> Result<Room, StepError> {
        let rooms = tx.get(ROOMS, &c.id).await?.unwrap_or(0);
        tx.put(ROOMS, &c.id, &(rooms + 1))?;
        Ok(Room { number: "7".into() })
    }
    async fn unbook(&self, tx: &mut Tx, c: &Unbook, _: &Room) -> Result<(), Fault> {
        let rooms = tx.get(ROOMS, &c.id).await?.unwrap_or(0);
        tx.put(ROOMS, &c.id, &(rooms - 1))
    }
}

/// A saga whose only participant calls the bank, forward and back.
pub struct Purchase;
impl Saga for Purchase {
    const NAME: &'static str = "card-purchase";
    type Input = Order;
    fn plan() -> Plan<Self> {
        Plan::begin()
            .step("authorize", ask(Self::authorize).compensate(Self::void))
            .step("consent", hear::<Consent>().leaves_nothing().within(AN_HOUR))
            .end()
    }
}
impl Purchase {
    fn authorize(order: &Order) -> Authorize {
        Authorize { id: order.id.clone(), cents: order.cents }
    }
    fn void(order: &Order) -> Void {
        Void { id: order.id.clone() }
    }
}

pub struct Cards(pub Bank);
impl Reactor for Cards {
    const NAME: &'static str = "cards";
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Authorize>(
            call(Self::charge)
                .answer(Self::charged)
                .compensate_by_call::<Void, _>(Self::give_back, Self::given_back),
        )
    }
}
impl Cards {
    async fn charge(&self, call: &Call, c: &Authorize) -> Result<String, Fault> {
        self.0.book(&call.key, c.cents).await
    }
    #[allow(clippy::ptr_arg)] // What a call brought is given as it was brought.
    async fn charged(
        &self,
        _: &mut Tx,
        _: &Authorize,
        reference: &String,
    ) -> Result<Authorized, StepError> {
        Ok(Authorized { reference: reference.clone() })
    }
    async fn give_back(&self, call: &Call, _: &Void, made: &Authorized) -> Result<i64, Fault> {
        let key = made.reference.trim_start_matches("ref-").to_owned();
        let cents = self.0.0.lock().unwrap().effects.get(&key).copied().unwrap_or(0);
        self.0.book(&call.key, -cents).await.map(|_| cents)
    }
    async fn given_back(&self, _: &mut Tx, _: &Void, _: &i64) -> Result<(), Fault> {
        Ok(())
    }
}

/// What clients ask of the choreography.
pub struct Front;
impl Reactor for Front {
    const NAME: &'static str = "front";
    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .to::<Order>(answer(Self::order).leaves_nothing())
            .to::<Pack>(answer(Self::pack).leaves_nothing())
            .to::<Cancel>(answer(Self::cancel).leaves_nothing())
            .expect(
                "payment",
                after::<Ordered>().until::<(Paid, Cancelled)>().within(AN_HOUR, Self::give_up),
            )
    }
}
impl Front {
    async fn order(&self, _: &mut Tx, c: &Order) -> Result<ballet::And<(), Ordered>, StepError> {
        Ok(ballet::And((), Ordered { id: c.id.clone(), cents: c.cents }))
    }
    async fn pack(&self, _: &mut Tx, c: &Pack) -> Result<ballet::And<(), Packed>, StepError> {
        Ok(ballet::And((), Packed { id: c.id.clone() }))
    }
    async fn cancel(
        &self,
        _: &mut Tx,
        c: &Cancel,
    ) -> Result<ballet::And<(), CancelAsked>, StepError> {
        Ok(ballet::And((), CancelAsked { id: c.id.clone() }))
    }
    async fn give_up(&self, _: &mut Tx, e: &Ordered) -> Result<GaveUp, Fault> {
        Ok(GaveUp { id: e.id.clone() })
    }
}

/// Holds the money on `Ordered`, takes it on `Packed` (the pivot), gives it back on `CancelAsked`.
pub struct Money(pub Bank);
/// What is held, by order.
pub const HELD: ballet::Table<String, i64> = ballet::Table::new("held");

impl Reactor for Money {
    const NAME: &'static str = "money";
    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .on::<Ordered>(
                react(Self::hold)
                    .compensate_on::<CancelAsked>(Self::release)
                    .too_late(Self::too_late),
            )
            .on::<Packed>(look(Self::held).call(Self::take).react(Self::taken).pivot())
    }
}
impl Money {
    async fn hold(&self, tx: &mut Tx, e: &Ordered) -> Result<Verdict<(), Refused>, Fault> {
        if e.cents < 0 {
            return Ok(Verdict::No(Refused { id: e.id.clone() }));
        }
        tx.put(HELD, &e.id, &e.cents)?;
        Ok(Verdict::Yes(()))
    }
    async fn release(
        &self,
        tx: &mut Tx,
        e: &CancelAsked,
        _made: &Option<()>,
    ) -> Result<Cancelled, Fault> {
        tx.delete(HELD, &e.id);
        Ok(Cancelled { id: e.id.clone() })
    }
    async fn too_late(&self, _: &mut Tx, e: &CancelAsked) -> Result<TooLate, Fault> {
        Ok(TooLate { id: e.id.clone() })
    }
    async fn held(&self, tx: &mut Tx, e: &Packed) -> Result<Option<i64>, Fault> {
        tx.get(HELD, &e.id).await
    }
    async fn take(&self, call: &Call, _: &Packed, cents: &i64) -> Result<String, Fault> {
        self.0.book(&call.key, *cents).await
    }
    async fn taken(&self, tx: &mut Tx, e: &Packed, _: &String) -> Result<Paid, Fault> {
        tx.delete(HELD, &e.id);
        Ok(Paid { id: e.id.clone() })
    }
}

pub async fn travel(node: &Node, bank: &Bank) -> Running {
    travel_on(node.store(), node, bank).await
}

/// The same over a store that is not quite that of the node.
pub async fn travel_on(store: Arc<dyn Store>, node: &Node, bank: &Bank) -> Running {
    let app = App::new(store).broker(node.broker());
    app.saga(Travel(bank.clone())).reactor(Hotel).start().await.expect("the app starts")
}

pub async fn cards(node: &Node, bank: &Bank) -> Running {
    let app = App::new(node.store()).broker(node.broker());
    app.saga(Purchase).reactor(Cards(bank.clone())).start().await.expect("the app starts")
}

pub async fn counter(node: &Node, bank: &Bank) -> Running {
    let app = App::new(node.store()).broker(node.broker());
    app.reactor(Front).reactor(Money(bank.clone())).start().await.expect("the app starts")
}
