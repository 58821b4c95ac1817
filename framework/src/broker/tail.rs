//! The newest messages of a partition, in memory: what its readers are handed without asking the store.

use crate::broker::Arrived;
use crate::message::Message;
use std::collections::VecDeque;

/// How many messages are kept, and how many bytes of bodies.
const MOST: usize = 4_096;
const MOST_BYTES: usize = 2 << 20;

/// Messages that follow on each other.
#[derive(Default)]
pub(crate) struct Tail {
    /// The offset behind the last one.
    next: u64,
    messages: VecDeque<Message>,
    bytes: usize,
}

impl Tail {
    /// None yet; the next one has this offset.
    pub(crate) fn at(next: u64) -> Self {
        Self { next, ..Self::default() }
    }

    /// The offset of the next message.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// The offset of the first message that is kept.
    pub(crate) fn start(&self) -> u64 {
        self.next - self.messages.len() as u64
    }

    /// One more. The oldest go when there are too many.
    pub(crate) fn push(&mut self, message: Message) {
        self.next += 1;
        self.bytes += message.body.len();
        self.messages.push_back(message);
        while self.messages.len() > MOST || self.bytes > MOST_BYTES {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.bytes -= oldest.body.len();
        }
    }

    /// Takes back those from an offset on.
    pub(crate) fn cut(&mut self, end: u64) {
        while self.next > end {
            if let Some(newest) = self.messages.pop_back() {
                self.bytes -= newest.body.len();
            }
            self.next -= 1;
        }
    }

    /// Up to so many messages from an offset on; `None` if that is so old that it is not kept.
    pub(crate) fn from(&self, topic: &str, from: u64, most: usize) -> Option<Vec<Arrived>> {
        let skip = usize::try_from(from.checked_sub(self.start())?).unwrap_or(usize::MAX);
        let messages = self.messages.iter().skip(skip).take(most);
        let arrived = messages.zip(from..).map(|(message, offset)| Arrived {
            topic: topic.into(),
            offset,
            message: Ok(message.clone()),
        });
        Some(arrived.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Tail};
    use crate::message::samples::message;

    fn offsets(tail: &Tail, from: u64, most: usize) -> Option<Vec<u64>> {
        let arrived = tail.from("t", from, most)?;
        Some(arrived.into_iter().map(|arrived| arrived.offset).collect())
    }

    #[test]
    fn what_is_kept_is_handed_out_in_order_and_what_is_older_is_not() {
        let mut tail = Tail::at(5);
        for body in ["a", "b", "c"] {
            tail.push(message(body));
        }
        assert_eq!(offsets(&tail, 5, 2), Some(vec![5, 6]));
        assert_eq!(offsets(&tail, 7, 9), Some(vec![7]));
        assert_eq!((offsets(&tail, 8, 9), offsets(&tail, 4, 9)), (Some(vec![]), None));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_or_too_much() {
        let mut tail = Tail::default();
        (0..=MOST).for_each(|_| tail.push(message("")));
        assert_eq!((tail.start(), tail.next()), (1, MOST as u64 + 1));
        let large = "x".repeat(1 << 20);
        (0..3).for_each(|_| tail.push(message(&large)));
        assert_eq!(tail.next() - tail.start(), 2);
    }

    #[test]
    fn what_is_taken_back_is_gone_though_older_ones_are_not_kept() {
        let mut tail = Tail::at(5);
        for body in ["a", "b"] {
            tail.push(message(body));
        }
        tail.cut(6);
        assert_eq!((tail.start(), tail.next()), (5, 6));
        tail.cut(3);
        assert_eq!((tail.start(), tail.next()), (3, 3));
    }
}
