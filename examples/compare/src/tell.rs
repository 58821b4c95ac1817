//! One purchase told side by side: made of envelopes, and of nothing else.

use ballet::Message;
use ballet::story::Heard;
use serde::Serialize;

/// A message, as it is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Its number in the transcript, from 1.
    pub number: usize,
    /// Since the first message.
    pub at_ms: f64,
    pub who: String,
    pub what: String,
    /// The number of the message that it follows from.
    pub because: Option<usize>,
}

/// A purchase, told once for each way.
#[derive(Debug, Clone, Serialize)]
pub struct Story {
    pub head: String,
    pub order_id: String,
    pub columns: Vec<Column>,
}

/// What happened one way.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    pub way: &'static str,
    pub lines: Vec<Line>,
}

/// What the columns of a transcript are.
pub const KEY: &str = "number, time since the first message, who, what, <- upon which number";

/// The messages of one order: when, who, what, and because of what.
pub fn lines(messages: &[Message], order: &str) -> Vec<Line> {
    let mine: Vec<Message> =
        messages.iter().filter(|m| m.envelope.correlation == order).cloned().collect();
    let heard = Heard::all(&mine);
    let Some(first) = heard.first().map(|first| first.at) else { return Vec::new() };
    let line = |(index, one): (usize, &Heard)| Line {
        number: index + 1,
        at_ms: one.at.since(first).as_secs_f64() * 1_000.0,
        who: one.by.clone(),
        what: one.what.clone(),
        because: one.because.as_ref().and_then(|cause| number(&heard, index, cause)),
    };
    heard.iter().enumerate().map(line).collect()
}

/// The number of the cause of a message: the last before it that was said so by the same.
fn number(heard: &[Heard], index: usize, (by, what): &(String, String)) -> Option<usize> {
    let is_it = |one: &Heard| one.by == *by && one.what == *what;
    let before = heard[..index].iter().rposition(is_it);
    before.or_else(|| heard.iter().position(is_it)).map(|at| at + 1)
}

/// A length of time as people read it.
pub fn time(ms: f64) -> String {
    if ms < 10_000.0 { format!("{ms:.0} ms") } else { format!("{:.1} s", ms / 1_000.0) }
}

fn text(line: &Line) -> String {
    let Line { number, at_ms, who, what, because } = line;
    let because = because.map(|cause| format!(" <- {cause}")).unwrap_or_default();
    format!("{number:>3} {:>8}  {who:<12} {what}{because}", time(*at_ms))
}

/// Columns side by side, each under its head and as wide as it must be.
pub fn columns(columns: &[Column]) -> String {
    let texts: Vec<Vec<String>> = columns
        .iter()
        .map(|column| {
            let head = format!("{:14}{}", "", column.way);
            [head].into_iter().chain(column.lines.iter().map(text)).collect()
        })
        .collect();
    let height = texts.iter().map(Vec::len).max().unwrap_or(0);
    let row = |at: usize| {
        let cell = |lines: &Vec<String>| {
            let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0) + 2;
            format!("{:<width$}", lines.get(at).map_or("", String::as_str))
        };
        texts.iter().map(cell).collect::<String>().trim_end().to_owned()
    };
    (0..height).map(row).collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Column, columns, lines, text};
    use ballet::clock::Time;
    use ballet::message::{Kind, Stamp};
    use ballet::{Envelope, Key, Message};

    fn message(n: u64, name: &str, by: &str, causation: Option<&Message>) -> Message {
        let stamp = Stamp { source: by.into(), incarnation: 1, lane: 0, seq: n };
        let envelope = Envelope {
            id: ballet::id::derived(&[name]),
            kind: Kind::Event,
            name: name.into(),
            version: 1,
            key: Key::new("o"),
            correlation: "o".into(),
            causation: causation.map(|cause| cause.envelope.id),
            hop: 0,
            occurred_at: Time::from_micros(i64::try_from(n).unwrap() * 1_000),
            traceparent: None,
            stamp: Some(stamp),
            step: None,
        };
        Message::new(envelope, "{}")
    }

    fn told(messages: &[Message], order: &str) -> Vec<String> {
        lines(messages, order).iter().map(text).collect()
    }

    #[test]
    fn take_one_message_away_and_the_story_is_another() {
        let created = message(1, "order.created", "orders", None);
        let reserved = message(3, "stock.reserved", "inventory", Some(&created));
        assert_eq!(
            told(&[created.clone(), reserved.clone()], "o"),
            [
                "  1     0 ms  orders       order.created",
                "  2     2 ms  inventory    stock.reserved <- 1"
            ]
        );
        assert_eq!(told(&[reserved], "o"), ["  1     0 ms  inventory    stock.reserved"]);
        assert_eq!(told(&[created], "other"), [] as [&str; 0]);
    }

    #[test]
    fn columns_stand_side_by_side() {
        let created = message(1, "order.created", "orders", None);
        let both = lines(&[created.clone(), message(2, "paid", "orders", Some(&created))], "o");
        let one = Column { way: "one", lines: both[..1].to_vec() };
        let two = Column { way: "two", lines: both };
        assert_eq!(
            columns(&[one, two]),
            "              one                                       two\n  \
             1     0 ms  orders       order.created    1     0 ms  orders       order.created\n\
             \u{20}                                           2     1 ms  orders       paid <- 1"
        );
    }
}
