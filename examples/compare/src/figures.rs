//! What the messages and the books say in numbers.

use crate::tell::time;
use ballet::Message;
use ballet::clock::Time;
use ballet::message::Kind;
use serde::Serialize;
use shop::audit::Books;
use shop::contracts::{Ending, Reason, Status};
use std::collections::{BTreeMap, BTreeSet};

/// The figures of one way of doing it.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    pub way: &'static str,
    pub purchases: usize,
    pub completed: usize,
    pub compensated: usize,
    /// How many were taken back, by who said no and why.
    pub refused: BTreeMap<String, usize>,
    pub facts: usize,
    pub commands: usize,
    pub replies: usize,
    /// Messages, one after the other, from the order to the parcel.
    pub hops: u32,
    /// Transactions of all services and of the coordinator.
    pub commits: u64,
    /// The same for a purchase alone, on average of those that went first.
    pub commits_alone: f64,
    /// Of the few that went first, each alone: the median.
    pub latency_alone_ms: f64,
    /// Of the others, of which many were under way at a time.
    pub latency_p50_ms: f64,
    pub latency_p95_ms: f64,
    pub per_second: f64,
    pub lines_of_coordination: usize,
    pub breaches: Vec<String>,
    /// From the order to its end, for each purchase that completed, sorted.
    pub latencies_ms: Vec<f64>,
}

/// What only whoever ran them knows.
pub struct Counted<'a> {
    pub way: &'static str,
    /// The orders that went first, each alone, and the others.
    pub alone: &'a [String],
    pub rest: &'a [String],
    pub commits_alone: u64,
    pub commits: u64,
}

/// The facts with which an order ends.
const ENDS: [&str; 3] = ["order.shipped", "order.invalidated", "order.cancelled"];

impl Figures {
    pub fn of(counted: &Counted<'_>, books: &Books) -> Self {
        let Counted { way, alone, rest, commits_alone, commits } = *counted;
        let wanted: BTreeSet<&str> = alone.iter().chain(rest).map(String::as_str).collect();
        let mine = |message: &&Message| wanted.contains(message.envelope.correlation.as_str());
        let messages: Vec<&Message> = books.messages.iter().filter(mine).collect();
        let kind = |kind| messages.iter().filter(|message| message.envelope.kind == kind).count();
        let (mut begun, mut ended) =
            (times(&messages, &["order.created"]), times(&messages, &ENDS));
        let shipped = times(&messages, &ENDS[..1]);
        let took = |order: &String| {
            let (begin, end) = (begun.get(order)?, shipped.get(order)?);
            Some(end.since(*begin).as_secs_f64() * 1_000.0)
        };
        let sorted = |orders: &[String]| {
            let mut all: Vec<f64> = orders.iter().filter_map(took).collect();
            all.sort_by(f64::total_cmp);
            all
        };
        let (alone_ms, latencies_ms) = (sorted(alone), sorted(rest));
        begun.retain(|order, _| !alone.contains(order));
        ended.retain(|order, _| !alone.contains(order));
        let whole = match (begun.values().min(), ended.values().max()) {
            (Some(first), Some(last)) => last.since(*first).as_secs_f64(),
            _ => 0.0,
        };
        let hops = messages.iter().filter(|message| message.envelope.name == ENDS[0]);
        let refused = refused(books);
        Self {
            way,
            purchases: wanted.len(),
            completed: shipped.len(),
            compensated: refused.values().sum(),
            refused,
            facts: kind(Kind::Event),
            commands: kind(Kind::Command),
            replies: kind(Kind::Reply),
            hops: hops.map(|message| message.envelope.hop).max().unwrap_or(0),
            commits,
            commits_alone: commits_alone as f64 / alone.len().max(1) as f64,
            latency_alone_ms: percentile(&alone_ms, 50),
            latency_p50_ms: percentile(&latencies_ms, 50),
            latency_p95_ms: percentile(&latencies_ms, 95),
            per_second: if whole > 0.0 { ended.len() as f64 / whole } else { 0.0 },
            lines_of_coordination: coordination(way),
            breaches: shop::audit::audit(books).iter().map(ToString::to_string).collect(),
            latencies_ms,
        }
    }

    /// Messages of a purchase, on average.
    pub fn messages_each(&self) -> f64 {
        (self.facts + self.commands + self.replies) as f64 / self.purchases.max(1) as f64
    }
}

/// When each order was said one of these of, the first time.
fn times(messages: &[&Message], names: &[&str]) -> BTreeMap<String, Time> {
    let mut times = BTreeMap::new();
    for message in messages.iter().filter(|m| names.contains(&m.envelope.name.as_str())) {
        let at = message.envelope.occurred_at;
        let first = times.entry(message.envelope.correlation.to_string()).or_insert(at);
        *first = at.min(*first);
    }
    times
}

/// The lines of the coordination code of one way, without blank lines and comments.
fn coordination(way: &str) -> usize {
    let files = match way {
        "orchestrated" => orchestrated::SOURCES,
        _ => choreographed::SOURCES,
    };
    let lines = files.iter().flat_map(|file| file.lines().map(str::trim));
    lines.filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

fn refused(books: &Books) -> BTreeMap<String, usize> {
    let mut refused = BTreeMap::new();
    for row in books.orders.values().filter(|row| row.order.status != Status::Shipped) {
        let who = match &row.ending {
            Some(Ending::Invalid { failed_checks }) => {
                let checks: Vec<&str> = failed_checks.iter().map(|f| f.check.as_str()).collect();
                format!("{}: invalid", checks.join(" and "))
            }
            Some(Ending::Cancelled { reason }) => format!("{}: {}", who(*reason), reason.code()),
            None => "nobody: not ended".to_owned(),
        };
        *refused.entry(who).or_insert(0) += 1;
    }
    refused
}

/// Who says no for this reason.
const fn who(reason: Reason) -> &'static str {
    match reason {
        Reason::CustomerCancelled => "customer",
        Reason::Declined | Reason::CaptureFailed => "payments",
        Reason::UnknownCustomer | Reason::Undeliverable => "shipping",
        Reason::Deadline => "orders",
    }
}

/// The value below which so many per cent of the sorted values lie (nearest rank).
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0.0)
}

/// What was measured of nothing is not zero.
fn if_any(value: f64, tell: fn(f64) -> String) -> String {
    if value > 0.0 { tell(value) } else { "-".to_owned() }
}

/// A row of the table: its name, and what it says of each way.
type Row = (String, Vec<String>);

/// The figures side by side, row by row.
pub fn rows(all: &[Figures]) -> Vec<Row> {
    type Cell = fn(&Figures) -> String;
    let row = |(name, cell): (&str, Cell)| (name.to_owned(), all.iter().map(cell).collect());
    let above: [(&str, Cell); 3] = [
        ("purchases", |f| f.purchases.to_string()),
        ("completed", |f| f.completed.to_string()),
        ("compensated", |f| f.compensated.to_string()),
    ];
    let below: [(&str, Cell); 11] = [
        ("messages a purchase", |f| format!("{:.1}", f.messages_each())),
        ("  facts", |f| f.facts.to_string()),
        ("  commands", |f| f.commands.to_string()),
        ("  replies", |f| f.replies.to_string()),
        ("hops from the order to the parcel", |f| f.hops.to_string()),
        ("commits of a purchase alone", |f| format!("{:.1}", f.commits_alone)),
        ("commits of all", |f| f.commits.to_string()),
        ("latency alone, median", |f| if_any(f.latency_alone_ms, time)),
        ("latency under load, p50", |f| if_any(f.latency_p50_ms, time)),
        ("latency under load, p95", |f| if_any(f.latency_p95_ms, time)),
        ("purchases a second, under load", |f| if_any(f.per_second, |f| format!("{f:.0}"))),
    ];
    let mut reasons: Vec<&String> = all.iter().flat_map(|f| f.refused.keys()).collect();
    reasons.sort();
    reasons.dedup();
    let refused = reasons.into_iter().map(|reason| {
        let count = |f: &Figures| f.refused.get(reason).unwrap_or(&0).to_string();
        (format!("  no from {reason}"), all.iter().map(count).collect())
    });
    let last: (&str, Cell) = ("lines of coordination", |f| f.lines_of_coordination.to_string());
    above.map(row).into_iter().chain(refused).chain(below.map(row)).chain([row(last)]).collect()
}

/// The same as text.
pub fn table(all: &[Figures]) -> String {
    let ways: Row = (String::new(), all.iter().map(|f| f.way.to_owned()).collect());
    let rows: Vec<Row> = [ways].into_iter().chain(rows(all)).collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, cells): &Row| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>16}")).collect();
        format!("{name:<width$}{cells}")
    };
    rows.iter().map(line).collect::<Vec<String>>().join("\n")
}
