//! The log: where messages come from, that none is missing, and what is folded from them.

use crate::audit::Books;
use crate::audit::said::{WRITERS, fact, once, sent, topic_of};
use crate::contracts::{
    CancelOrder, CustomerErased, CustomerId, CustomerUpserted, ORDER_FACTS, Order, OrderValidation,
    PlaceOrder, StockLevel,
};
use crate::customers::{Addresses, Contacts};
use ballet::id::derived;
use ballet::message::{Kind, Stamp};
use ballet::{Command, Event, Message};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// The facts of Inventory and Customers that may answer a request, and so follow from no message.
const ANSWERS: [&str; 3] = [StockLevel::NAME, CustomerUpserted::NAME, CustomerErased::NAME];

/// Upon what Orders may say something that follows from no message: upon a request.
const BEGINNINGS: [&str; 2] = [PlaceOrder::NAME, CancelOrder::NAME];

/// Every message follows from another of the same business transaction, with fewer before it; or
/// from a request. So every chain ends with `order.created`, or with the request that the history
/// of the order tells of.
pub(super) fn every_message_has_a_cause(books: &Books) -> Vec<String> {
    let known: BTreeMap<_, _> =
        once(books).map(|message| (message.envelope.id, &message.envelope)).collect();
    let told = |(message, _): &(&Message, _)| {
        let envelope = &message.envelope;
        let (name, of) = (&*envelope.name, &envelope.correlation);
        let why = match envelope.causation.map(|id| known.get(&id)) {
            None if is_a_beginning(books, message) => return None,
            None => "follows from nothing".to_owned(),
            Some(None) => "follows from a message that is not there".to_owned(),
            Some(Some(cause)) if cause.stamp.is_none() => {
                format!("follows from `{}`, which a stranger said", cause.name)
            }
            Some(Some(cause)) if cause.correlation != *of => {
                format!("follows from `{}` of {}", cause.name, cause.correlation)
            }
            Some(Some(cause)) if cause.hop >= envelope.hop => {
                format!("is hop {}, and follows from hop {}", envelope.hop, cause.hop)
            }
            Some(Some(_)) => return None,
        };
        Some(format!("`{name}` of {of} {why}"))
    };
    sent(books).iter().filter_map(told).collect()
}

fn is_a_beginning(books: &Books, message: &Message) -> bool {
    let Message { envelope, body } = message;
    if topic_of(envelope).as_deref() != Some(ORDER_FACTS.name) {
        // What moves on the shelves for an order follows from the order.
        let of_an_order = books.orders.contains_key(&*envelope.correlation);
        let name = envelope.name.as_str();
        return ANSWERS.contains(&name) && !(name == StockLevel::NAME && of_an_order);
    }
    let Ok(order) = serde_json::from_slice::<Order>(body) else { return false };
    let row = books.orders.get(&order.order_id);
    let entry = row
        .and_then(|row| (1_u64..).zip(&row.history).find(|(version, _)| *version == order.version));
    entry.is_some_and(|(_, entry)| BEGINNINGS.contains(&&*entry.cause))
}

/// Each topic with one writer has one; each check of a validator has one; a saga alone asks for it.
pub(super) fn each_topic_has_its_writer(books: &Books) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut writers: BTreeMap<(String, String), BTreeSet<&str>> = BTreeMap::new();
    for (message, Stamp { source, .. }) in sent(books) {
        let (envelope, topic) = (&message.envelope, topic_of(&message.envelope));
        let saga = envelope.step.as_ref().map(|step| &*step.saga);
        let writer = match (envelope.kind, &topic) {
            (_, None) => {
                found.insert(format!("`{}` by {source} belongs on no topic", envelope.name));
                continue;
            }
            (Kind::Event, Some(topic)) => {
                WRITERS.iter().find(|(of, _)| of == topic).map(|(_, writer)| *writer)
            }
            (Kind::Command, Some(_)) => saga,
            (Kind::Reply, Some(_)) => None,
        };
        let topic = topic.unwrap_or_default();
        if let Some(said) = fact::<OrderValidation>(message) {
            writers.entry((said.check, said.validator)).or_default().insert(source);
        }
        if let Some(writer) = writer.filter(|writer| writer != source) {
            found.insert(format!("{source} writes {topic}, which is for {writer} alone"));
        }
    }
    let many = writers.into_iter().filter(|(_, sources)| sources.len() != 1);
    found.extend(many.map(|((check, validator), sources)| {
        format!("{check} by `{validator}` is said by {sources:?}")
    }));
    found.into_iter().collect()
}

/// More partitions than any topic of the shop has.
const PARTITIONS_MAX: u32 = 64;

/// The partition that a message was sent to. Its id is derived from its place, so the place can be
/// found again; `None` if it is the id of no place.
fn partition(message: &Message, stamp: &Stamp, topic: &str) -> Option<u32> {
    let Stamp { source, incarnation, lane, seq } = stamp;
    (0..PARTITIONS_MAX).find(|partition| {
        let place = format!("{incarnation}/{lane}/{partition}");
        derived(&[source, &place, topic, &seq.to_string()]) == message.envelope.id
    })
}

/// The numbers on each edge are 1, 2, 3 and so on, each that of one message.
pub(super) fn no_edge_has_a_gap(books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    let mut edges: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for (message, stamp) in sent(books) {
        let topic = topic_of(&message.envelope).unwrap_or_default();
        let Stamp { source, incarnation, lane, seq } = stamp;
        let Some(partition) = partition(message, stamp, &topic) else {
            let name = &message.envelope.name;
            found.push(format!("`{name}` by {source}/{lane} is not number {seq} on {topic}"));
            continue;
        };
        let edge = format!("{source}/{lane} ({incarnation}) to {topic}/{partition}");
        edges.entry(edge).or_default().insert(*seq);
    }
    for (edge, numbers) in edges {
        let last = numbers.last().copied().unwrap_or_default();
        let missing: Vec<u64> = (1..=last).filter(|seq| !numbers.contains(seq)).collect();
        if !missing.is_empty() {
            found.push(format!("{edge}: of {last} messages {missing:?} are missing"));
        }
    }
    found.extend(changed_on_the_way(books));
    found
}

/// Messages that came more than once, and not the same each time.
fn changed_on_the_way(books: &Books) -> Vec<String> {
    let first: BTreeMap<_, &Message> =
        sent(books).into_iter().map(|(message, _)| (message.envelope.id, message)).collect();
    let changed = books
        .messages
        .iter()
        .filter(|message| first.get(&message.envelope.id).is_some_and(|first| first != message));
    changed.map(|message| format!("`{}` came twice, and changed", message.envelope.name)).collect()
}

/// Each row of each view is what comes of folding all that was said once more.
pub(super) fn views_are_a_replay(books: &Books) -> Vec<String> {
    let addresses = replay(books, Addresses::fold);
    let contacts = replay(books, Contacts::fold);
    let mut found = differences("addresses", &books.addresses, &addresses);
    found.extend(differences("contacts", &books.contacts, &contacts));
    found
}

fn replay<T>(
    books: &Books,
    fold: fn(Option<T>, &CustomerUpserted) -> Option<T>,
) -> BTreeMap<CustomerId, T> {
    let mut rows = BTreeMap::new();
    for message in once(books) {
        if let Some(said) = fact::<CustomerUpserted>(message) {
            let row = fold(rows.remove(&said.customer_id), &said);
            rows.extend(row.map(|row| (said.customer_id, row)));
        } else if let Some(said) = fact::<CustomerErased>(message) {
            rows.remove(&said.customer_id);
        }
    }
    rows
}

fn differences<T: PartialEq + Debug>(
    view: &str,
    rows: &BTreeMap<CustomerId, T>,
    replayed: &BTreeMap<CustomerId, T>,
) -> Vec<String> {
    let customers: BTreeSet<&CustomerId> = rows.keys().chain(replayed.keys()).collect();
    let other = |customer: &&&CustomerId| rows.get(**customer) != replayed.get(**customer);
    let told = |customer: &&CustomerId| {
        let (row, replayed) = (rows.get(*customer), replayed.get(*customer));
        format!("`{view}` of {customer} is {row:?}, and a replay says {replayed:?}")
    };
    customers.iter().filter(other).map(told).collect()
}

/// As many messages were given up as had to be.
pub(super) fn nothing_is_given_up(books: &Books) -> Vec<String> {
    let (found, expected) = (books.dead_letters.len(), books.expected.dead_letters);
    if found == expected {
        return Vec::new();
    }
    let mut told = vec![format!("{found} dead letters, where {expected} were expected")];
    told.extend(
        books
            .dead_letters
            .iter()
            .map(|letter| format!("{} gave up {}: {}", letter.lane, letter.key, letter.reason)),
    );
    told
}
