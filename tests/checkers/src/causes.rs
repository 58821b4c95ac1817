//! Causation: every message follows from another of the same business transaction, or from a request.

use crate::History;
use std::collections::BTreeMap;

/// What must be true.
pub const LAW: &str = "What a message follows from is in the log, belongs to the same business transaction, and \
                       has fewer messages before it.";

/// Goes through all messages.
#[must_use]
pub fn check(history: &History) -> Vec<String> {
    let known: BTreeMap<_, _> =
        history.once().map(|(.., message)| (message.envelope.id, &message.envelope)).collect();
    let mut found = Vec::new();
    for (topic, _, message) in history.once() {
        let envelope = &message.envelope;
        let Some(id) = envelope.causation else { continue };
        let (name, of) = (&envelope.name, &envelope.correlation);
        let why = match known.get(&id) {
            None => format!("follows from {id}, which is not there"),
            Some(cause) if cause.correlation != *of => {
                format!("follows from `{}` of `{}`", cause.name, cause.correlation)
            }
            Some(cause) if cause.hop >= envelope.hop => {
                format!("is hop {}, and follows from hop {}", envelope.hop, cause.hop)
            }
            Some(_) => continue,
        };
        found.push(format!("`{name}` ({}) of `{of}` on {topic} {why}", envelope.id));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::samples::{log, said};
    use ballet::message::Message;

    fn follows(change: impl FnOnce(&mut Message, &mut Message)) -> Vec<String> {
        let (mut cause, mut message) = (said(1), said(2));
        message.envelope_mut().causation = Some(cause.envelope.id);
        message.envelope_mut().hop = 1;
        change(&mut cause, &mut message);
        check(&log(vec![cause, message]))
    }

    #[test]
    fn a_chain_is_left_alone() {
        assert_eq!(follows(|_, _| ()), [""; 0]);
    }

    #[test]
    fn a_cause_that_is_not_there_is_named() {
        let told =
            follows(|_, message| message.envelope_mut().causation = Some(said(9).envelope.id));
        assert!(told[0].ends_with("which is not there"), "{told:?}");
    }

    #[test]
    fn a_cause_of_another_business_transaction_is_named() {
        let told = follows(|cause, _| cause.envelope_mut().correlation = "another".into());
        assert!(told[0].ends_with("follows from `word.said` of `another`"), "{told:?}");
    }

    #[test]
    fn a_hop_that_does_not_grow_is_named() {
        let told = follows(|cause, _| cause.envelope_mut().hop = 1);
        assert!(told[0].ends_with("is hop 1, and follows from hop 1"), "{told:?}");
    }
}
