//! What the threads that fetch and that hear of acknowledgements share with lanes.

#[path = "../../../framework/src/kafka/queue.rs"]
mod queue;
#[path = "../../../framework/src/kafka/receipt.rs"]
mod receipt;

use crate::broker::Arrived;
use crate::error::Error;
use crate::sync::every_order;
use ballet::ErrorKind;
use loom::future::block_on;
use loom::thread;
use queue::Queue;
use receipt::Receipt;
use std::sync::Arc;

fn message(offset: u64) -> (Arrived, usize) {
    let message = Err((bytes::Bytes::new(), "it is none".to_owned()));
    (Arrived { topic: "t".into(), offset, message }, 1)
}

#[test]
fn what_is_fetched_is_taken_in_order_and_then_why_there_is_no_more() {
    every_order(|| {
        let queue = Arc::new(Queue::default());
        let filled = Arc::clone(&queue);
        let fetcher = thread::spawn(move || {
            filled.put(vec![message(1)]);
            filled.put(vec![message(2)]);
            filled.fail(Error::new(ErrorKind::Broker, "away"));
        });
        let mut taken = Vec::new();
        block_on(async {
            while let Ok(arrived) = queue.take(1).await {
                taken.extend(arrived.iter().map(|arrived| arrived.offset));
            }
        });
        assert_eq!(taken, [1, 2]);
        fetcher.join().expect("the fetcher ends");
    });
}

#[test]
fn whoever_produces_hears_of_the_last_acknowledgement() {
    every_order(|| {
        let receipt = Arc::new(Receipt::<&str>::new(2));
        let heard = Arc::clone(&receipt);
        let hears = thread::spawn(move || {
            heard.acknowledged();
            heard.acknowledged();
        });
        assert_eq!(block_on(receipt.ended()), Ok(()));
        hears.join().expect("whoever hears ends");
    });
}

#[test]
fn whoever_produces_hears_of_the_first_failure_and_waits_for_no_other() {
    every_order(|| {
        let receipt = Arc::new(Receipt::new(3));
        let heard = Arc::clone(&receipt);
        let hears = thread::spawn(move || {
            heard.acknowledged();
            heard.failed("too large");
            heard.failed("purged");
        });
        assert_eq!(block_on(receipt.ended()), Err("too large"));
        hears.join().expect("whoever hears ends");
    });
}
