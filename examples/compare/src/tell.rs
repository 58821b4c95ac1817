//! One purchase told side by side: made of envelopes, and of nothing else.

use ballet::Message;
use ballet::story::Heard;

/// How wide a column is.
const WIDTH: usize = 60;

/// The messages of one order as lines: when, who, what, and because of what.
pub fn lines(messages: &[Message], order: &str) -> Vec<String> {
    let mine: Vec<Message> =
        messages.iter().filter(|m| m.envelope.correlation == order).cloned().collect();
    let heard = Heard::all(&mine);
    let Some(first) = heard.first().map(|first| first.at) else { return Vec::new() };
    let line = |one: &Heard| {
        let ms = one.at.since(first).as_secs_f64() * 1_000.0;
        let because = one.because.as_ref().map(|(_, what)| format!("  < {what}"));
        format!("{ms:>5.0} {:<12} {}{}", one.by, one.what, because.unwrap_or_default())
    };
    heard.iter().map(line).collect()
}

/// Columns side by side, each under its head.
pub fn columns(columns: &[(&str, Vec<String>)]) -> String {
    let height = columns.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    let cut = |text: &str| {
        let short: String = text.chars().take(WIDTH - 1).collect();
        format!("{short:<WIDTH$}")
    };
    let mut rows = vec![columns.iter().map(|(head, _)| cut(head)).collect::<String>()];
    for at in 0..height {
        let cell =
            |(_, lines): &(&str, Vec<String>)| cut(lines.get(at).map_or("", |line| line.as_str()));
        rows.push(columns.iter().map(cell).collect());
    }
    let rows: Vec<&str> = rows.iter().map(|row| row.trim_end()).collect();
    rows.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{columns, lines};
    use ballet::clock::Time;
    use ballet::message::{Kind, Stamp};
    use ballet::{Envelope, Key, Message};

    fn message(n: u64, name: &str, by: &str, causation: Option<&Message>) -> Message {
        let stamp = Stamp { source: by.to_owned(), incarnation: 1, lane: 0, seq: n };
        let envelope = Envelope {
            id: ballet::id::derived(&[name]),
            kind: Kind::Event,
            name: name.to_owned(),
            version: 1,
            key: Key::new("o"),
            correlation: "o".to_owned(),
            causation: causation.map(|cause| cause.envelope.id),
            hop: 0,
            occurred_at: Time::from_micros(i64::try_from(n).unwrap() * 1_000),
            traceparent: None,
            stamp: Some(stamp),
            step: None,
        };
        Message { envelope, body: "{}".into() }
    }

    #[test]
    fn take_one_message_away_and_the_story_is_another() {
        let created = message(1, "order.created", "orders", None);
        let reserved = message(3, "stock.reserved", "inventory", Some(&created));
        let told = lines(&[created.clone(), reserved.clone()], "o");
        assert_eq!(
            told,
            [
                "    0 orders       order.created",
                "    2 inventory    stock.reserved  < order.created"
            ]
        );
        assert_eq!(lines(&[reserved], "o"), ["    0 inventory    stock.reserved"]);
        assert_eq!(lines(&[created], "other"), [] as [&str; 0]);
    }

    #[test]
    fn columns_stand_side_by_side() {
        let told = columns(&[("one", vec!["a".into()]), ("two", vec!["b".into(), "c".into()])]);
        let rows: Vec<Vec<&str>> =
            told.lines().map(|row| row.split_whitespace().collect()).collect();
        assert_eq!(rows, [vec!["one", "two"], vec!["a", "b"], vec!["c"]]);
    }
}
