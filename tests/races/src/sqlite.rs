//! What the writer shares with the readers of the log.

#[path = "../../../framework/src/broker/waiting.rs"]
mod waiting;

use crate::sync::{Mutex, every_order};
use loom::future::block_on;
use loom::thread;
use std::sync::Arc;
use waiting::Waiting;

#[test]
fn a_reader_that_finds_nothing_is_woken_by_what_is_appended() {
    every_order(|| {
        let (waiting, log) = (Arc::new(Waiting::default()), Arc::new(Mutex::new(0)));
        let (reader, read) = (Arc::clone(&waiting), Arc::clone(&log));
        let reader = thread::spawn(move || {
            block_on(async {
                while *read.lock().expect("a log") < 2 {
                    reader.woken().await;
                }
            });
        });
        for _ in 0..2 {
            *log.lock().expect("a log") += 1;
            waiting.wake();
        }
        reader.join().expect("the reader ends");
    });
}
