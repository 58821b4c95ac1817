//! A choreography: several reactors, read as one.
//!
//! Each reactor is written alone and knows nobody. Here their tables are put beside each other, as
//! data, so that the whole can be checked ([`check`](Choreography::check)) and drawn
//! ([`draw`](Choreography::draw)) before it runs. Nothing of it exists at run time.
//!
//! Not here: the rules (`check`) and the pictures (`draw`).

use crate::error::{Error, ErrorKind};
use crate::message::{Event, Topic};
use crate::reactor::check;
use crate::reactor::reactions::{Outline, Role};
use crate::reactor::{Reactions, Reactor};
use std::collections::{BTreeMap, BTreeSet};

/// Several reactors, and what passes between them and the outside.
///
/// # Example
///
/// ```
/// use ballet::{Choreography, Fault, Reactions, Reactor, Tx, react};
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
/// let shop = Choreography::new().with::<Inventory>();
/// let error = shop.check().unwrap_err().to_string();
/// assert!(error.contains("`inventory` hears `order.placed`, which nobody says"));
///
/// let shop = shop.external::<OrderPlaced>().published::<StockReserved>();
/// shop.check().unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Choreography {
    pub(super) parts: Vec<Part>,
    pub(super) external: BTreeMap<&'static str, Topic>,
    pub(super) published: BTreeMap<&'static str, Topic>,
    pub(super) harmless: BTreeSet<&'static str>,
}

/// One reactor of a choreography, as data.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) lines: Vec<Outline>,
    /// The topics of all events that it hears or awaits.
    pub(crate) topics: BTreeMap<&'static str, Topic>,
}

impl Choreography {
    /// A choreography of nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with a reactor more.
    #[must_use]
    pub fn with<R: Reactor>(mut self) -> Self {
        self.parts.push(Part::of::<R>());
        self
    }

    /// Says that an event comes from outside: from a request, or from another system.
    #[must_use]
    pub fn external<E: Event>(mut self) -> Self {
        self.external.insert(E::NAME, E::TOPIC);
        self
    }

    /// Says that an event is for readers outside: it is right that nobody here hears it.
    #[must_use]
    pub fn published<E: Event>(mut self) -> Self {
        self.published.insert(E::NAME, E::TOPIC);
        self
    }

    /// Says that nothing is to be taken back because of an event, although it is said as a no or at
    /// the end of a wait: a reminder, a gift wrap that is not to be had.
    #[must_use]
    pub fn harmless<E: Event>(mut self) -> Self {
        self.harmless.insert(E::NAME);
        self
    }

    /// Whether the choreography is whole.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Definition`], whose text lists the [`mistakes`](Self::mistakes).
    pub fn check(&self) -> Result<(), Error> {
        let mistakes = self.mistakes();
        if mistakes.is_empty() {
            return Ok(());
        }
        let list: String = mistakes.iter().map(|mistake| format!("\n- {mistake}")).collect();
        Err(Error::new(ErrorKind::Definition, format!("the choreography is not whole:{list}")))
    }

    /// Every broken rule, each told by a sentence that names who, what, and what to do.
    ///
    /// **Each reactor** has a name of its own, hears an event forward on one line and takes a line
    /// back on one event once, names its waits apart, answers only commands that are addressed to
    /// it, and is compensated either by events or by commands, not by both.
    ///
    /// **Between them** every event that is heard or awaited is said by somebody or
    /// [`external`](Self::external); every event that is said is heard or awaited by somebody or
    /// [`published`](Self::published); a topic has one writer unless it says `many writers`; and no
    /// loop of events goes round without a line that may say something else.
    ///
    /// **Taken back.** A reaction that is heard on the good way and says something when all is well
    /// is taken back after each of its failures, or `.leaves_nothing()`:
    ///
    /// - The *good way* begins with external events and with what answers to commands say, and
    ///   follows what reactions say when all is well. It ends at the pivot, and at events on which
    ///   anybody is compensated. What is heard only on the way back or after the pivot needs no
    ///   compensation.
    /// - A *failure* is all that one line says as a no, or at the end of a wait, or all that it
    ///   says of events on which anybody is compensated. Failures of a reaction are those of the
    ///   lines that are reached on the good way from the event that it hears. What its own reactor
    ///   says is none: that takes back its own in the same transaction. Nor is what is
    ///   [`harmless`](Self::harmless).
    /// - A *cancellation* comes at any time: an external event on which anybody is compensated, or
    ///   all that is said to an external event or a command when it is nothing but such events. It
    ///   is a failure of the reactions that it takes back, and of all on the good way from them.
    /// - A reaction *is taken back* when some event on which it is compensated is in the failure,
    ///   or can follow it: through any lines, but beyond no pivot.
    ///
    /// Not seen: a failure in a branch that parted from the good way before the reaction, as
    /// whether that branch is waited for cannot be read off the types; and a no that says nothing.
    ///
    /// # Example
    ///
    /// ```
    /// assert!(ballet::Choreography::new().mistakes().is_empty());
    /// ```
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        check::mistakes(self)
    }

    /// All lines, each with its reactor.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&Part, &Outline)> {
        self.parts.iter().flat_map(|part| part.lines.iter().map(move |line| (part, line)))
    }

    /// All lines that hear an event: commands aside.
    pub(super) fn reactions(&self) -> impl Iterator<Item = (&Part, &Outline)> {
        self.lines().filter(|(_, line)| line.topic.is_some())
    }
}

impl Part {
    pub(crate) fn of<R: Reactor>() -> Self {
        let reactions = R::reactions();
        Self { name: R::NAME, lines: reactions.outline(), topics: topics(&reactions) }
    }
}

fn topics<R>(reactions: &Reactions<R>) -> BTreeMap<&'static str, Topic> {
    let units = reactions.units.iter().flat_map(|unit| {
        let back = unit.back.iter().map(|back| (back.hears, back.topic));
        std::iter::once((unit.hears, unit.topic)).chain(back)
    });
    let units = units.filter_map(|(name, topic)| Some((name, topic?)));
    let waits = reactions.waits.iter().map(|waiting| &waiting.wait);
    let waits = waits.flat_map(|wait| wait.until.iter().copied().chain([wait.after]));
    units.chain(waits).collect()
}

impl Outline {
    /// Everything that may be said on this line.
    pub(super) fn all(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.says.all().chain(self.too_late.all())
    }

    /// What is awaited on this line.
    pub(super) fn awaits(&self) -> &[&'static str] {
        match &self.role {
            Role::Wait { until, .. } => until,
            Role::Forward | Role::Pivot | Role::Back { .. } => &[],
        }
    }

    pub(super) const fn is_forward(&self) -> bool {
        matches!(self.role, Role::Forward | Role::Pivot)
    }

    pub(super) const fn is_back(&self) -> bool {
        matches!(self.role, Role::Back { .. })
    }
}
