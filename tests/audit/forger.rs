//! Changes to messages, as they would come about if somebody repeated or mistook one.

use ballet::id::derived;
use ballet::message::{Kind, Stamp};
use ballet::{Event, Message};
use shop::audit::Books;

/// More partitions than there are.
const PARTITIONS_MAX: u32 = 64;

/// The first fact of this kind about this order.
pub fn message<'a, E: Event>(books: &'a mut Books, order_id: &str) -> &'a mut Message {
    let is_it = |message: &&mut Message| {
        let envelope = &message.envelope;
        envelope.kind == Kind::Event && envelope.name == E::NAME && envelope.correlation == order_id
    };
    let found = books.messages.iter_mut().find(is_it);
    found.unwrap_or_else(|| panic!("no `{}` of {order_id}", E::NAME))
}

/// Changes what a message says.
pub fn edit<E: Event>(message: &mut Message, change: impl FnOnce(&mut E)) {
    let mut said: E = serde_json::from_slice(&message.body).expect("a fact is readable");
    change(&mut said);
    message.body = serde_json::to_vec(&said).expect("a fact is writable").into();
}

/// Changes what the first fact of this kind says of this order.
pub fn rewrite<E: Event>(books: &mut Books, order_id: &str, change: impl FnOnce(&mut E)) {
    edit(message::<E>(books, order_id), change);
}

/// Has a fact said once more, as the next message of its sender.
pub fn say_again<E: Event>(books: &mut Books, order_id: &str) {
    let mut again = message::<E>(books, order_id).clone();
    let (stamp, partition) = place::<E>(&again);
    let on_its_edge = books.messages.iter().filter(|known| {
        let other = known.envelope.stamp.as_ref();
        other.is_some_and(|other| other.source == stamp.source && other.lane == stamp.lane)
            && is_at::<E>(known, partition)
    });
    let last = on_its_edge.filter_map(|known| Some(known.envelope.stamp.as_ref()?.seq)).max();
    number::<E>(&mut again, Stamp { seq: last.unwrap_or_default() + 1, ..stamp }, partition);
    books.messages.push(again);
}

/// Has a fact said by somebody else, as their first message. Nothing may follow from it, nor lie
/// behind it on its edge.
pub fn say_by<E: Event>(books: &mut Books, order_id: &str, source: &str) {
    let message = message::<E>(books, order_id);
    let (stamp, partition) = place::<E>(message);
    number::<E>(message, Stamp { source: source.into(), seq: 1, ..stamp }, partition);
}

/// The words that an id is derived from.
fn words<E: Event>(stamp: &Stamp, partition: u32) -> [String; 4] {
    let Stamp { source, incarnation, lane, seq } = stamp;
    let place = format!("{incarnation}/{lane}/{partition}");
    [source.to_string(), place, E::TOPIC.name.to_owned(), seq.to_string()]
}

fn number<E: Event>(message: &mut Message, stamp: Stamp, partition: u32) {
    let words = words::<E>(&stamp, partition);
    message.envelope_mut().id = derived(&words.each_ref().map(String::as_str));
    message.envelope_mut().stamp = Some(stamp);
}

fn is_at<E: Event>(message: &Message, partition: u32) -> bool {
    let stamp = message.envelope.stamp.as_ref().expect("the shop has sent it");
    let words = words::<E>(stamp, partition);
    message.envelope.id == derived(&words.each_ref().map(String::as_str))
}

/// Where a message stands on its edge, and the partition to which that leads.
fn place<E: Event>(message: &Message) -> (Stamp, u32) {
    let partition = (0..PARTITIONS_MAX).find(|partition| is_at::<E>(message, *partition));
    let stamp = message.envelope.stamp.clone().expect("the shop has sent it");
    (stamp, partition.expect("it has a place"))
}
