//! Collects the messages, where a log keeps all of them.

use crate::contracts::{
    CUSTOMER_FACTS, CUSTOMERS, DETAILS, FRAUD, INVENTORY, LIMITS, NOTIFICATION, NOTIFICATIONS,
    ORDER_FACTS, ORDERS, PAYMENT_FACTS, PAYMENTS, RESERVATIONS, SHIPMENT_FACTS, SHIPPING,
    STOCK_LEVELS, VALIDATIONS,
};
use ballet::broker::{Broker, Range, Reader};
use ballet::message::{commands_of, replies_of};
use ballet::{Error, Message, Topic};
use std::collections::{BTreeMap, BTreeSet};

/// Everybody who may be sent a command.
const SERVICES: [&str; 9] =
    [ORDERS, DETAILS, FRAUD, LIMITS, INVENTORY, PAYMENTS, SHIPPING, CUSTOMERS, NOTIFICATION];
/// Every topic of facts.
const FACTS: [Topic; 8] = [
    ORDER_FACTS,
    VALIDATIONS,
    STOCK_LEVELS,
    RESERVATIONS,
    PAYMENT_FACTS,
    SHIPMENT_FACTS,
    CUSTOMER_FACTS,
    NOTIFICATIONS,
];
/// The saga of the purchase, if there is one: it is sent replies.
const SAGA: &str = "purchase";
/// The name under which the log is read; nobody else has it.
const READER: &str = "auditor";
/// How many messages to take at a time.
const MOST: usize = 500;

/// Where each partition of each topic ends, by topic and partition.
pub type Ends = BTreeMap<(String, u32), u64>;

/// Where the topics of the shop end now that are there.
///
/// # Errors
///
/// What the broker says.
pub async fn ends(broker: &dyn Broker) -> Result<Ends, Error> {
    let private = SERVICES.into_iter().map(commands_of).chain([replies_of(SAGA)]);
    let facts = FACTS.into_iter().map(|topic| topic.name.to_owned());
    let mut ends = Ends::new();
    for topic in private.chain(facts) {
        for partition in 0..broker.partitions(&topic).await.unwrap_or_default() {
            let Range { end, .. } = broker.range(&topic, partition).await?;
            ends.insert((topic.clone(), partition), end);
        }
    }
    Ok(ends)
}

/// Every message that is on the topics of the shop now and was not there `since`, each partition in its
/// order.
///
/// # Errors
///
/// What the broker says.
pub async fn messages(broker: &dyn Broker, since: &Ends) -> Result<Vec<Message>, Error> {
    let ends = ends(broker).await?;
    let topics: BTreeSet<String> = ends.keys().map(|(topic, _)| topic.clone()).collect();
    let partitions = ends.keys().map(|(_, partition)| partition + 1).max().unwrap_or_default();
    let member = broker.join(READER, &topics, partitions).await?;
    let mut all = Vec::new();
    for partition in 0..partitions {
        let mine = ends.iter().filter(|((_, of), _)| *of == partition);
        let begin = |(at, _): (&(String, u32), _)| since.get(at).copied().unwrap_or_default();
        let left = mine.clone().filter(|one| begin(*one) < *one.1);
        let left = left.map(|((topic, _), end)| (topic.clone(), *end)).collect();
        let from = mine.map(|one| (one.0.0.clone(), begin(one))).collect();
        read(&mut *member.reader(partition), &from, left, &mut all).await?;
    }
    Ok(all)
}

/// Reads one partition of all topics, until nothing is left of any of them.
async fn read(
    reader: &mut dyn Reader,
    from: &BTreeMap<String, u64>,
    mut left: BTreeMap<String, u64>,
    all: &mut Vec<Message>,
) -> Result<(), Error> {
    reader.seek(from);
    while !left.is_empty() {
        for arrived in reader.next(MOST).await? {
            if left.get(&*arrived.topic).is_some_and(|end| arrived.offset + 1 >= *end) {
                left.remove(&*arrived.topic);
            }
            all.extend(arrived.message.ok());
        }
    }
    Ok(())
}
