//! The smallest app that keeps a document of every kind: a reactor with rows, barriers, requests, waits and
//! calls, a saga with a method of its own, and a view.

use ballet::memory::Node;
use ballet::{
    App, Call, Fault, Plan, Reactions, Reactor, Running, Saga, Sources, StepError, Table, Tx, View,
    act, after, answer, ask, call, react,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

macro_rules! records {
    ($($name:ident { $($field:ident: $type:ty),* })*) => {
        $(#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub(super) struct $name { $(pub(super) $field: $type),* })*
    };
}

records! {
    Said { id: String, n: u64 }
    Asked { id: String }
    Level { id: String, n: u64 }
    Placed { id: String }
    Held { id: String }
    Dropped { id: String }
    Place { id: String }
    Take { id: String }
    PutBack { id: String }
    Paid { id: String }
}

ballet::topic! { pub(super) WORDS = "t.words", key id {
    Said = "word.said", Asked = "word.asked", Placed = "order.placed", Dropped = "order.dropped",
} }
ballet::topic! { pub(super) LEVELS = "t.levels" compacted, key id { Level = "level.set" } }
ballet::topic! { HOLDS = "t.holds", key id { Held = "order.held" } }
ballet::service! { pub(super) KEEPER = "keeper" {
    Place = "order.place" -> (),
} }
ballet::service! { SHELF = "shelf" { Take = "stock.take" -> (), PutBack = "stock.put-back" -> () } }

/// What was heard of each id.
pub(super) const HEARD: Table<String, u64> = Table::new("heard");

/// Writes down what it hears.
pub(super) struct Keeper;

impl Reactor for Keeper {
    const NAME: &'static str = KEEPER;

    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .on::<Said>(react(Self::hear))
            .on::<Level>(react(Self::level))
            .on::<Asked>(call(Self::call).react(Self::called))
            .on::<Placed>(react(Self::hold).compensate_on::<Dropped>(Self::release))
            .to::<Place>(answer(Self::place).leaves_nothing())
            .expect(
                "patience",
                after::<Said>().until::<(Placed,)>().within(Duration::from_secs(20), Self::over),
            )
    }
}

impl Keeper {
    async fn hear(&self, tx: &mut Tx, said: &Said) -> Result<(), Fault> {
        let heard = tx.get(HEARD, &said.id).await?.unwrap_or_default();
        tx.put(HEARD, &said.id, &heard.saturating_add(said.n))
    }
    async fn level(&self, _: &mut Tx, _: &Level) -> Result<(), Fault> {
        Ok(())
    }
    async fn call(&self, _: &Call, _: &Asked) -> Result<String, Fault> {
        Ok("it answers".to_owned())
    }
    #[allow(clippy::ptr_arg)] // What a call brought is given as it was brought.
    async fn called(&self, _: &mut Tx, _: &Asked, _: &String) -> Result<(), Fault> {
        Ok(())
    }
    async fn hold(&self, _: &mut Tx, placed: &Placed) -> Result<Held, Fault> {
        Ok(Held { id: placed.id.clone() })
    }
    async fn release(&self, _: &mut Tx, _: &Dropped, _: &Option<Held>) -> Result<(), Fault> {
        Ok(())
    }
    async fn place(&self, _: &mut Tx, _: &Place) -> Result<(), StepError> {
        Ok(())
    }
    async fn over(&self, tx: &mut Tx, said: &Said) -> Result<(), Fault> {
        tx.put(HEARD, &format!("{} is over", said.id), &said.n)
    }
}

/// What the saga takes from.
pub(super) struct Shelf;

impl Reactor for Shelf {
    const NAME: &'static str = SHELF;

    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Take>(answer(Self::take).compensate_by::<PutBack>(Self::put_back))
    }
}

impl Shelf {
    async fn take(&self, _: &mut Tx, _: &Take) -> Result<(), StepError> {
        Ok(())
    }
    async fn put_back(&self, _: &mut Tx, _: &PutBack, (): &()) -> Result<(), Fault> {
        Ok(())
    }
}

/// Takes from the shelf, and pays by a method of its own.
pub(super) struct Buy;

impl Saga for Buy {
    const NAME: &'static str = "buy";
    type Input = Place;

    fn plan() -> Plan<Self> {
        Plan::begin()
            .step("take", ask(Self::take).compensate(Self::put_back))
            .step("pay", act(Self::pay).pivot())
            .end()
    }
}

impl Buy {
    fn take(place: &Place) -> Take {
        Take { id: place.id.clone() }
    }
    fn put_back(place: &Place) -> PutBack {
        PutBack { id: place.id.clone() }
    }
    async fn pay(&self, place: &Place) -> Result<Paid, StepError> {
        Ok(Paid { id: place.id.clone() })
    }
}

/// The last number of each id.
pub(super) struct Last;

impl View for Last {
    const NAME: &'static str = "last";
    type Key = String;
    type Row = u64;

    fn sources() -> Sources<Self> {
        Sources::new().on::<Said>(|said| said.id.clone(), |_, said| Some(said.n))
    }
}

/// How many lanes everybody has.
pub(super) const LANES: u32 = 2;

pub(super) async fn start(node: &Node) -> Running {
    let app = App::new(node.store()).broker(node.broker()).lanes(LANES);
    let app = app.reactor_from_the_beginning(Keeper).reactor(Shelf).view::<Last>().saga(Buy);
    app.start().await.expect("an app starts, whatever is stored")
}
