//! Drawing a choreography: for the eye in Mermaid, for the page as a table.
//!
//! Both are read off the tables of the reactors and come out the same every time, so that a test
//! can hold the copy in the docs against them.

use crate::reactor::Choreography;
use crate::reactor::choreography::Part;
use crate::reactor::emit::Names;
use crate::reactor::reactions::{Outline, Role};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// How an arrow is drawn; of several, the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Arrow {
    /// Said by the pivot.
    Thick,
    /// Said when all is well.
    Plain,
    /// Said as a no, at the end of a wait, or on the way back.
    Dotted,
}

/// Why somebody is at the end of an arrow; of several, the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ear {
    Hears,
    TakesBack,
    Awaits,
}

/// Where arrows come from that no reactor draws, and where those end that none hears.
const OUTSIDE: &str = "outside";
const READERS: &str = "readers";

/// Somebody in the drawing, by place: the outside, the reactors in their order, the readers.
type Node = usize;
/// Who says what, and how.
type Said = BTreeMap<(Node, &'static str), Arrow>;
/// Who hears what, and why.
type Heard = BTreeMap<(&'static str, Node), Ear>;
/// The labels of the arrows from one to another.
type Arrows = BTreeMap<(Node, Node, Arrow), BTreeSet<String>>;

impl Choreography {
    /// The choreography as a Mermaid flowchart: reactors, and the events between them.
    ///
    /// Thick arrows leave the pivot; dotted ones are a no, the end of a wait, or said by a
    /// compensation. `↩` takes something back, `⏱` is only waited for. Keep the drawing in your
    /// docs and compare it in a test; a stale one fails.
    ///
    /// # Example
    ///
    /// ```
    /// assert_eq!(ballet::Choreography::new().draw(), "flowchart LR\n");
    /// ```
    #[must_use]
    pub fn draw(&self) -> String {
        let (arrows, readers) = (self.arrows(), self.parts.len() + 1);
        let name = |node: Node| match node.checked_sub(1) {
            None => OUTSIDE.to_owned(),
            Some(at) => self.parts.get(at).map_or(READERS.to_owned(), |part| id(part.name)),
        };
        let mut text = String::from("flowchart LR\n");
        for (at, part) in self.parts.iter().enumerate() {
            let _ = writeln!(text, "    {}[\"{}\"]", name(at + 1), title(part));
        }
        for end in [0, readers] {
            if arrows.keys().any(|(from, to, _)| *from == end || *to == end) {
                let _ = writeln!(text, "    {0}([{0}])", name(end));
            }
        }
        for ((from, to, arrow), labels) in arrows {
            let labels = labels.into_iter().collect::<Vec<_>>().join("<br/>");
            let (from, to) = (name(from), name(to));
            let _ = writeln!(text, "    {from} {}|\"{labels}\"| {to}", shaft(arrow));
        }
        text
    }

    /// The choreography as a table: what each reactor hears, and what it says then.
    ///
    /// # Example
    ///
    /// ```
    /// use ballet::{Choreography, Fault, Reactions, Reactor, Tx, react};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct OrderPlaced { order_id: String }
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct StockReserved { order_id: String }
    /// # ballet::topic! { ORDERS = "orders.v1", key order_id { OrderPlaced = "order.placed" } }
    /// # ballet::topic! { STOCK = "stock.v1", key order_id { StockReserved = "stock.reserved" } }
    /// # struct Inventory;
    /// # impl Reactor for Inventory {
    /// #     const NAME: &'static str = "inventory";
    /// #     fn reactions() -> Reactions<Self> {
    /// #         Reactions::new().on::<OrderPlaced>(react(Self::reserve))
    /// #     }
    /// # }
    /// # impl Inventory {
    /// #     async fn reserve(&self, _: &mut Tx, e: &OrderPlaced) -> Result<StockReserved, Fault> {
    /// #         Ok(StockReserved { order_id: e.order_id.clone() })
    /// #     }
    /// # }
    /// let table = Choreography::new().with::<Inventory>().table();
    /// assert_eq!(table, "inventory\n    order.placed -> stock.reserved\n");
    /// ```
    #[must_use]
    pub fn table(&self) -> String {
        let parts = self.parts.iter().map(|part| {
            let rows: String =
                part.lines.iter().map(|line| format!("    {}\n", row(line))).collect();
            format!("{}\n{rows}", part.name)
        });
        parts.collect::<Vec<_>>().join("\n")
    }

    fn arrows(&self) -> Arrows {
        let (said, heard) = (self.said(), self.heard());
        let mut arrows = Arrows::new();
        for ((from, event), arrow) in said {
            for ((_, to), ear) in heard.range((event, Node::MIN)..=(event, Node::MAX)) {
                if *ear != Ear::Awaits || from != *to {
                    arrows.entry((from, *to, arrow)).or_default().insert(label(event, *ear));
                }
            }
        }
        arrows
    }

    fn said(&self) -> Said {
        let mut said = Said::new();
        let mut say = |who: Node, event: &'static str, arrow: Arrow| {
            let entry = said.entry((who, event)).or_insert(arrow);
            *entry = arrow.min(*entry);
        };
        for (who, line) in self.numbered() {
            line.says.yes.iter().for_each(|event| say(who, event, yes(line)));
            let rest = line.says.no.iter().copied().chain(line.too_late.all());
            rest.for_each(|event| say(who, event, Arrow::Dotted));
            if line.topic.is_none() {
                say(0, line.hears, Arrow::Plain);
            }
        }
        self.external.keys().for_each(|event| say(0, event, Arrow::Plain));
        said
    }

    fn heard(&self) -> Heard {
        let mut heard = Heard::new();
        let mut hear = |event: &'static str, who: Node, ear: Ear| {
            let entry = heard.entry((event, who)).or_insert(ear);
            *entry = ear.min(*entry);
        };
        for (who, line) in self.numbered() {
            let ear = match line.role {
                Role::Forward | Role::Pivot => Ear::Hears,
                Role::Back { .. } => Ear::TakesBack,
                Role::Wait { .. } => Ear::Awaits,
            };
            hear(line.hears, who, ear);
            line.awaits().iter().for_each(|event| hear(event, who, Ear::Awaits));
        }
        let readers = self.parts.len() + 1;
        self.published.keys().for_each(|event| hear(event, readers, Ear::Hears));
        heard
    }

    /// All lines, each with the place of its reactor.
    fn numbered(&self) -> impl Iterator<Item = (Node, &Outline)> {
        let parts = self.parts.iter().enumerate();
        parts.flat_map(|(at, part)| part.lines.iter().map(move |line| (at + 1, line)))
    }
}

const fn yes(line: &Outline) -> Arrow {
    match line.role {
        Role::Forward => Arrow::Plain,
        Role::Pivot => Arrow::Thick,
        Role::Back { .. } | Role::Wait { .. } => Arrow::Dotted,
    }
}

const fn shaft(arrow: Arrow) -> &'static str {
    match arrow {
        Arrow::Thick => "==>",
        Arrow::Plain => "-->",
        Arrow::Dotted => "-.->",
    }
}

fn label(event: &str, ear: Ear) -> String {
    match ear {
        Ear::Hears => event.to_owned(),
        Ear::TakesBack => format!("{event} ↩"),
        Ear::Awaits => format!("{event} ⏱"),
    }
}

/// The name of a reactor as Mermaid can bear it: `end`, for one, is a word of its own there.
fn id(name: &str) -> String {
    let plain =
        name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' });
    std::iter::once('_').chain(plain).collect()
}

/// The name of a reactor, and its waits.
fn title(part: &Part) -> String {
    let waits = part.lines.iter().filter_map(|line| match line.role {
        Role::Wait { name, .. } => Some(format!("<br/>⏱ {name}")),
        Role::Forward | Role::Pivot | Role::Back { .. } => None,
    });
    std::iter::once(part.name.to_owned()).chain(waits).collect()
}

fn row(line: &Outline) -> String {
    let hears = line.hears;
    let heard = match &line.role {
        Role::Forward => hears.to_owned(),
        Role::Pivot => format!("{hears} (pivot)"),
        Role::Back { of } => format!("  {hears} takes back {of}"),
        Role::Wait { name, until } => {
            format!("wait `{name}`: after {hears} until {}, or else", until.join(" or "))
        }
    };
    let too_late = match line.too_late == Names::default() {
        true => String::new(),
        false => format!("; too late: {}", says(&line.too_late)),
    };
    format!("{heard} -> {}{too_late}", says(&line.says))
}

fn says(names: &Names) -> String {
    let yes = match (names.yes.is_empty(), names.perhaps && names.no.is_empty()) {
        (true, _) => "nothing".to_owned(),
        (false, false) => names.yes.join(", "),
        (false, true) => format!("perhaps {}", names.yes.join(", ")),
    };
    match names.no.is_empty() {
        true => yes,
        false => format!("{yes}; no: {}", names.no.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use crate::reactor::Choreography;
    use crate::reactor::check::purchase::{Details, OrderCreated, purchase};
    use expect_test::{expect, expect_file};

    #[test]
    fn the_purchase_is_drawn() {
        expect_file!["draw/purchase.mmd"].assert_eq(&purchase().draw());
    }

    #[test]
    fn the_purchase_is_told_as_a_table() {
        expect_file!["draw/purchase.txt"].assert_eq(&purchase().table());
    }

    #[test]
    fn a_part_is_drawn_with_what_it_lacks_left_out() {
        let part = Choreography::new().with::<Details>().external::<OrderCreated>();
        expect![[r#"
            flowchart LR
                _order_details["order-details"]
                outside([outside])
                outside -->|"order.created"| _order_details
        "#]]
        .assert_eq(&part.draw());
    }
}
