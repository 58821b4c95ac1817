//! Who reads and writes which topics, as declared: before anything runs, and without a broker.

use crate::message::{Event, commands_of, replies_of};
use crate::reactor::Reactor;
use crate::saga::{Back, Head, Saga, Shape};
use crate::view::View;
use std::collections::{BTreeMap, BTreeSet};

/// The services of a system, with all that they serve: sagas, reactors, views.
///
/// ```
/// use ballet::{Fault, Reactions, Reactor, Topology, Tx, react};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct OrderPlaced { order_id: String }
/// #[derive(Serialize, Deserialize)]
/// struct StockReserved { order_id: String }
/// ballet::topic! { ORDERS = "orders.v1", key order_id { OrderPlaced = "order.placed" } }
/// ballet::topic! { STOCK = "stock.v1", key order_id { StockReserved = "stock.reserved" } }
///
/// struct Inventory;
/// impl Reactor for Inventory {
///     const NAME: &'static str = "inventory";
///     fn reactions() -> Reactions<Self> {
///         Reactions::new().on::<OrderPlaced>(react(Self::reserve))
///     }
/// }
/// impl Inventory {
///     async fn reserve(&self, _tx: &mut Tx, e: &OrderPlaced) -> Result<StockReserved, Fault> {
///         Ok(StockReserved { order_id: e.order_id.clone() })
///     }
/// }
///
/// let rights = Topology::new().service("inventory").reactor::<Inventory>().rights();
/// assert!(rights["inventory"].reads.contains("orders.v1"));
/// assert!(rights["inventory"].writes.contains("stock.v1"));
/// assert!(rights["inventory"].groups.contains("inventory"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Topology {
    service: &'static str,
    rights: BTreeMap<&'static str, Rights>,
    /// Which service answers the commands to a reactor.
    answers: BTreeMap<&'static str, &'static str>,
    /// Who replies to a saga.
    asked: BTreeSet<(&'static str, &'static str)>,
}

/// What a service needs of the broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// The topics that it writes.
    pub writes: BTreeSet<String>,
    /// The topics that it reads.
    pub reads: BTreeSet<String>,
    /// Its consumer groups: its sagas and reactors. Each has a topic `<group>.lanes`, too.
    pub groups: BTreeSet<String>,
    /// The consumer groups of its views, as they are at first. One that is folded anew has another group,
    /// whose name is the same with `~` and a number behind it, and a topic of lanes for that.
    pub views: BTreeSet<String>,
}

impl Topology {
    /// A system of nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with a service more; what is named after it is served by it.
    #[must_use]
    pub fn service(mut self, name: &'static str) -> Self {
        self.rights.entry(name).or_default();
        self.service = name;
        self
    }

    /// The service serves a reactor.
    #[must_use]
    pub fn reactor<R: Reactor>(mut self) -> Self {
        let table = R::reactions();
        if table.answers() {
            self.answers.insert(R::NAME, self.service);
        }
        let rights = self.group(R::NAME);
        rights.reads.extend(table.topics().into_iter().map(|topic| topic.name.to_owned()));
        rights.reads.extend(table.answers().then(|| commands_of(R::NAME)));
        for line in table.outline() {
            let topics = line.says.topics.into_iter().chain(line.too_late.topics);
            rights.writes.extend(topics.map(|topic| topic.name.to_owned()));
        }
        self
    }

    /// The service coordinates a saga.
    #[must_use]
    pub fn saga<S: Saga>(mut self) -> Self {
        let addressees = addressees(S::plan().shape());
        let rights = self.group(S::NAME);
        rights.reads.insert(replies_of(S::NAME));
        rights.writes.extend(addressees.iter().map(|to| commands_of(to)));
        self.asked.extend(addressees.into_iter().map(|to| (to, S::NAME)));
        self
    }

    /// The service hears an event that begins, cancels or signals runs of its saga.
    #[must_use]
    pub fn hears<E: Event>(mut self) -> Self {
        let service = self.service;
        let rights = self.rights.entry(service).or_default();
        rights.reads.insert(E::TOPIC.name.to_owned());
        self
    }

    /// The service keeps a view.
    #[must_use]
    pub fn view<W: View>(mut self) -> Self {
        let sources = W::sources().into_sources().into_iter();
        let rights = self.rights.entry(self.service).or_default();
        rights.views.insert(W::table());
        rights.reads.extend(sources.map(|source| source.topic.name.to_owned()));
        self
    }

    /// What each service needs. Who is asked by a saga writes its replies, too.
    #[must_use]
    pub fn rights(&self) -> BTreeMap<&'static str, Rights> {
        let mut all = self.rights.clone();
        for (to, saga) in &self.asked {
            if let Some(rights) = self.answers.get(to).and_then(|service| all.get_mut(service)) {
                rights.writes.insert(replies_of(saga));
            }
        }
        all
    }

    fn group(&mut self, name: &str) -> &mut Rights {
        let rights = self.rights.entry(self.service).or_default();
        rights.groups.insert(name.to_owned());
        rights
    }
}

/// Whom the commands of a plan go to.
fn addressees(shape: &Shape) -> BTreeSet<&'static str> {
    let mut all = BTreeSet::new();
    for step in &shape.steps {
        if let Head::Ask { to, .. } | Head::Tell { to, .. } = step.head {
            all.insert(to);
        }
        if let Back::Ask { to, .. } = step.back {
            all.insert(to);
        }
    }
    all
}
