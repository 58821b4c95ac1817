//! Collects the messages, where a log keeps all of them.

use crate::contracts::{
    CUSTOMER_FACTS, CUSTOMERS, DETAILS, FRAUD, INVENTORY, LIMITS, NOTIFICATION, NOTIFICATIONS,
    ORDER_FACTS, ORDERS, PAYMENT_FACTS, PAYMENTS, RESERVATIONS, SHIPMENT_FACTS, SHIPPING,
    STOCK_LEVELS, VALIDATIONS,
};
use ballet::broker::{Broker, Range};
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

/// Every message of every topic of the shop that is there, each partition in its order.
///
/// # Errors
///
/// What the broker says.
pub async fn messages(broker: &dyn Broker) -> Result<Vec<Message>, Error> {
    let private = SERVICES.into_iter().map(commands_of).chain([replies_of(SAGA)]);
    let facts = FACTS.into_iter().map(|topic| topic.name.to_owned());
    let mut all = Vec::new();
    for topic in private.chain(facts) {
        if let Ok(partitions) = broker.partitions(&topic).await {
            for partition in 0..partitions {
                all.extend(of_partition(broker, &topic, partition, partitions).await?);
            }
        }
    }
    Ok(all)
}

async fn of_partition(
    broker: &dyn Broker,
    topic: &str,
    partition: u32,
    partitions: u32,
) -> Result<Vec<Message>, Error> {
    let topics = BTreeSet::from([topic.to_owned()]);
    let member = broker.join(READER, &topics, partitions).await?;
    let Range { start, end } = broker.range(topic, partition).await?;
    let mut reader = member.reader(partition);
    reader.seek(&BTreeMap::from([(topic.to_owned(), start)]));
    let (mut all, mut next) = (Vec::new(), start);
    while next < end {
        for arrived in reader.next(MOST).await? {
            next = arrived.offset + 1;
            all.extend(arrived.message.ok());
        }
    }
    Ok(all)
}
