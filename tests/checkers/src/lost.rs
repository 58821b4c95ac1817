//! No lost message: what a lane committed is in the log, and whoever reads it has taken it (I5, I8, I20).

use crate::{History, Lane};
use ballet::store::LaneId;
use std::collections::BTreeSet;

/// What must be true.
pub const LAW: &str = "Every message that was committed is in the log, every lane has read to the end, and nothing \
                       waits to be published, taken or tried.";

/// Goes through commits and lanes.
#[must_use]
pub fn check(history: &History) -> Vec<String> {
    let mut found = missing(history);
    for (id, lane) in &history.lanes {
        for (topic, at) in &lane.positions {
            let end = history.ends.get(&(topic.clone(), id.lane)).copied();
            if end.is_some_and(|end| at.next < end) {
                let (next, end) = (at.next, end.unwrap_or_default());
                found.push(format!("{id} reads {topic} at {next}, and it goes on to {end}"));
            }
        }
        if lane.unpublished > 0 {
            found.push(format!("{id} has {} messages to publish", lane.unpublished));
        }
        found.extend(lane.parked.iter().map(|parked| format!("{id} has set aside: {parked}")));
        if lane.calls > 0 {
            found.push(format!("{id} has {} calls under way", lane.calls));
        }
        if lane.inbox {
            found.push(format!("{id} has something in its inbox"));
        }
        found.extend(unsaid(history, id, lane));
    }
    found
}

/// What a lane remembers to have said, compared with what it has said last.
fn unsaid(history: &History, id: &LaneId, lane: &Lane) -> Vec<String> {
    let mut found = Vec::new();
    for ((topic, partition), sent) in &lane.sent {
        let there = history.partitions.get(&(topic.to_string(), *partition));
        let stamps =
            there.into_iter().flatten().filter_map(|message| message.envelope.stamp.as_ref());
        let own = stamps.filter(|stamp| {
            (&stamp.source, stamp.lane, stamp.incarnation) == (&id.group, id.lane, lane.incarnation)
        });
        let last = own.map(|stamp| stamp.seq).max().unwrap_or_default();
        if last != *sent {
            found.push(format!(
                "{id} has said {sent} messages to {topic}/{partition}, where its last is number {last}"
            ));
        }
    }
    found
}

fn missing(history: &History) -> Vec<String> {
    let there: BTreeSet<_> = history.once().map(|(.., message)| message.envelope.id).collect();
    let sent = history.commits.iter().flat_map(|commit| {
        commit.writes.outgoing.iter().map(move |outgoing| (&commit.lane, outgoing))
    });
    let gone = sent.filter(|(_, outgoing)| !there.contains(&outgoing.message.envelope.id));
    gone.map(|(lane, outgoing)| {
        let envelope = &outgoing.message.envelope;
        let (topic, partition) = (&outgoing.topic, outgoing.partition);
        format!(
            "{lane} said `{}` ({}) to {topic}/{partition}, and it is not there",
            envelope.name, envelope.id
        )
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::samples::{commits, log, said};
    use crate::{History, Lane};
    use ballet::message::Outgoing;
    use ballet::store::{LaneId, Position};

    fn lane(lane: Lane) -> Vec<String> {
        let lanes = [(LaneId::new("hearer", 0), lane)].into();
        check(&History { lanes, ends: [(("words".to_owned(), 0), 2)].into(), ..log(vec![said(1)]) })
    }

    fn at(next: u64) -> Lane {
        let position = Position { next, from: 0 };
        Lane { positions: [("words".to_owned(), position)].into(), ..Lane::default() }
    }

    #[test]
    fn a_lane_that_has_read_all_is_left_alone() {
        assert_eq!(lane(at(2)), [""; 0]);
    }

    #[test]
    fn a_message_that_was_committed_and_is_not_in_the_log_is_named() {
        let mut history = commits(&[(1, 0)]);
        let message = said(1);
        let id = message.envelope.id;
        let outgoing = Outgoing { topic: "words".into(), partition: 0, message };
        history.commits[0].writes.outgoing.push(outgoing);
        let told = format!("words/0 said `word.said` ({id}) to words/0, and it is not there");
        assert_eq!(check(&history), [told]);
        history.partitions = log(vec![said(1)]).partitions;
        assert_eq!(check(&history), [""; 0]);
    }

    #[test]
    fn whatever_is_left_in_a_lane_is_named() {
        assert_eq!(lane(at(1)), ["hearer/0 reads words at 1, and it goes on to 2"]);
        let told = lane(Lane { unpublished: 3, ..at(2) });
        assert_eq!(told, ["hearer/0 has 3 messages to publish"]);
        let told = lane(Lane { parked: vec!["k1: a fault".to_owned()], ..at(2) });
        assert_eq!(told, ["hearer/0 has set aside: k1: a fault"]);
        assert_eq!(lane(Lane { calls: 1, ..at(2) }), ["hearer/0 has 1 calls under way"]);
        assert_eq!(lane(Lane { inbox: true, ..at(2) }), ["hearer/0 has something in its inbox"]);
    }

    #[test]
    fn the_last_that_a_lane_remembers_to_have_said_is_the_last_that_is_there() {
        let talker = |sent| Lane {
            incarnation: 1,
            sent: [(("words".into(), 0), sent)].into(),
            ..Lane::default()
        };
        let check = |sent| {
            let lanes = [(LaneId::new("talker", 0), talker(sent))].into();
            check(&History { lanes, ..log(vec![said(1), said(2), said(1)]) })
        };
        assert_eq!(check(2), [""; 0]);
        let told = check(3);
        assert_eq!(told, ["talker/0 has said 3 messages to words/0, where its last is number 2"]);
        assert_eq!(check(1).len(), 1, "a zombie has said more");
    }
}
