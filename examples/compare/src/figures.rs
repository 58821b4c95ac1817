//! What the messages and the books say in numbers.

use ballet::Message;
use ballet::clock::Time;
use ballet::message::Kind;
use serde::Serialize;
use shop::audit::Books;
use shop::contracts::{Ending, Status};
use std::collections::{BTreeMap, BTreeSet};

/// The figures of one way of doing it.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    pub way: &'static str,
    pub purchases: usize,
    pub completed: usize,
    /// How many were taken back, by who or what said no.
    pub refused: BTreeMap<String, usize>,
    pub facts: usize,
    pub commands: usize,
    pub replies: usize,
    /// Messages, one after the other, from the order to the parcel.
    pub hops: u32,
    pub batches: u64,
    /// Of the few that went first, each alone: the median.
    pub alone_ms: f64,
    /// Of the others, of which many were under way at a time.
    pub latency_p50_ms: f64,
    pub latency_p95_ms: f64,
    pub per_second: f64,
    /// From the order to its end, for each purchase that completed, sorted.
    #[serde(skip)]
    pub latencies_ms: Vec<f64>,
    pub breaches: Vec<String>,
}

/// The facts with which an order ends.
const ENDS: [&str; 3] = ["order.shipped", "order.invalidated", "order.cancelled"];

impl Figures {
    pub fn of(
        way: &'static str,
        books: &Books,
        batches: u64,
        alone: &[String],
        rest: &[String],
    ) -> Self {
        let wanted: BTreeSet<&String> = alone.iter().chain(rest).collect();
        let mine = |message: &&Message| wanted.contains(&message.envelope.correlation);
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
        Self {
            way,
            purchases: wanted.len(),
            completed: shipped.len(),
            refused: refused(books),
            facts: kind(Kind::Event),
            commands: kind(Kind::Command),
            replies: kind(Kind::Reply),
            hops: hops.map(|message| message.envelope.hop).max().unwrap_or(0),
            batches,
            alone_ms: percentile(&alone_ms, 50),
            latency_p50_ms: percentile(&latencies_ms, 50),
            latency_p95_ms: percentile(&latencies_ms, 95),
            per_second: if whole > 0.0 { ended.len() as f64 / whole } else { 0.0 },
            latencies_ms,
            breaches: shop::audit::audit(books).iter().map(ToString::to_string).collect(),
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
        let first = times.entry(message.envelope.correlation.clone()).or_insert(at);
        *first = at.min(*first);
    }
    times
}

fn refused(books: &Books) -> BTreeMap<String, usize> {
    let mut refused = BTreeMap::new();
    for row in books.orders.values().filter(|row| row.order.status != Status::Shipped) {
        let who = match &row.ending {
            Some(Ending::Invalid { failed_checks }) => {
                let checks: Vec<&str> = failed_checks.iter().map(|f| f.check.as_str()).collect();
                format!("invalid: {}", checks.join(", "))
            }
            Some(Ending::Cancelled { reason }) => format!("cancelled: {}", reason.code()),
            None => "not ended".to_owned(),
        };
        *refused.entry(who).or_insert(0) += 1;
    }
    refused
}

/// The value below which so many per cent of the sorted values lie (nearest rank).
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0.0)
}

/// The figures side by side, as a table.
pub fn table(all: &[Figures]) -> String {
    type Cell = fn(&Figures) -> String;
    let lines: [(&str, Cell); 12] = [
        ("purchases", |f| f.purchases.to_string()),
        ("completed", |f| f.completed.to_string()),
        ("compensated", |f| f.refused.values().sum::<usize>().to_string()),
        ("messages a purchase", |f| format!("{:.1}", f.messages_each())),
        ("  facts", |f| f.facts.to_string()),
        ("  commands, replies", |f| format!("{}, {}", f.commands, f.replies)),
        ("hops to the parcel", |f| f.hops.to_string()),
        ("batches committed", |f| f.batches.to_string()),
        ("latency alone, median", |f| format!("{:.0} ms", f.alone_ms)),
        ("latency p50, many under way", |f| format!("{:.0} ms", f.latency_p50_ms)),
        ("latency p95, many under way", |f| format!("{:.0} ms", f.latency_p95_ms)),
        ("purchases a second", |f| format!("{:.0}", f.per_second)),
    ];
    let mut rows = vec![row("", all, |f| f.way.to_owned())];
    rows.extend(lines.into_iter().map(|(name, cell)| row(name, all, cell)));
    let mut reasons: Vec<&String> = all.iter().flat_map(|f| f.refused.keys()).collect();
    reasons.sort();
    reasons.dedup();
    for reason in reasons {
        let count = |f: &Figures| f.refused.get(reason).unwrap_or(&0).to_string();
        rows.push(row(&format!("  {reason}"), all, count));
    }
    rows.join("\n")
}

fn row(name: &str, all: &[Figures], cell: impl Fn(&Figures) -> String) -> String {
    let cells: Vec<String> = all.iter().map(|figures| format!("{:>16}", cell(figures))).collect();
    format!("{name:<36}{}", cells.join(""))
}
