//! What the thread that fetches shares with a lane.

#[path = "../../../framework/src/kafka/queue.rs"]
mod queue;

use crate::broker::Arrived;
use crate::error::Error;
use crate::sync::every_order;
use ballet::ErrorKind;
use loom::future::block_on;
use loom::thread;
use queue::Queue;
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
