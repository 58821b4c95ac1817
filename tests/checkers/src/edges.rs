//! Edges: what a lane says to a partition is numbered 1, 2, 3 without a gap, and arrives in that order (I6).

use crate::History;
use ballet::message::{Message, Stamp};
use std::collections::BTreeMap;

/// What must be true.
pub const LAW: &str = "The messages of an edge are numbered 1, 2, 3 and so on, come first in that order, and are \
                       the same each time they come.";

/// An edge: who says it, and on which partition.
type Edge<'a> = (&'a str, u32, u32, &'a str, u32);

/// Goes through all partitions.
#[must_use]
pub fn check(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    let mut edges: BTreeMap<Edge<'_>, Vec<&Message>> = BTreeMap::new();
    for ((topic, partition), messages) in &history.partitions {
        for message in messages {
            let Some(Stamp { source, incarnation, lane, seq }) = &message.envelope.stamp else {
                continue;
            };
            let edge = (source.as_str(), *incarnation, *lane, topic.as_str(), *partition);
            let known = edges.entry(edge).or_default();
            let at = usize::try_from(*seq).unwrap_or(usize::MAX).wrapping_sub(1);
            match known.get(at) {
                Some(first) if *first == message => {}
                Some(first) => found.push(format!(
                    "{} number {seq} is `{}` ({}), and came again as `{}` ({})",
                    told(edge),
                    first.envelope.name,
                    first.envelope.id,
                    message.envelope.name,
                    message.envelope.id
                )),
                None if at == known.len() => known.push(message),
                None => {
                    let last = known.len();
                    found.push(format!("{} number {seq} follows number {last}", told(edge)));
                }
            }
        }
    }
    found
}

fn told((source, incarnation, lane, topic, partition): Edge<'_>) -> String {
    format!("{source}/{lane} ({incarnation}) to {topic}/{partition}:")
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::samples::{log, said};

    #[test]
    fn an_edge_in_order_is_left_alone_however_often_its_messages_come() {
        let (one, two, three) = (said(1), said(2), said(3));
        let all = vec![one.clone(), two.clone(), one, three, two];
        assert_eq!(check(&log(all)), [""; 0]);
    }

    #[test]
    fn a_gap_is_named() {
        let told = check(&log(vec![said(1), said(3)]));
        assert_eq!(told, ["talker/0 (1) to words/0: number 3 follows number 1"]);
    }

    #[test]
    fn a_message_that_comes_before_its_turn_is_named() {
        let told = check(&log(vec![said(2), said(1)]));
        assert_eq!(told, ["talker/0 (1) to words/0: number 2 follows number 0"]);
    }

    #[test]
    fn a_number_that_comes_again_as_another_message_is_named() {
        let mut other = said(1);
        other.envelope_mut().name = "word.forged".into();
        let told = check(&log(vec![said(1), other]));
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("number 1 is `word.said`"), "{told:?}");
        assert!(told[0].contains("came again as `word.forged`"), "{told:?}");
    }
}
