//! No lost message: what a lane committed is in the log, and whoever reads it has taken it (I5, I8, I20).

use crate::History;
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
        let outgoing = Outgoing { topic: "words".to_owned(), partition: 0, message };
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
}
