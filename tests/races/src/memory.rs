//! What the broker in memory shares with those who listen.

#[path = "../../../framework/src/memory/bell.rs"]
mod bell;

use crate::sync::{Mutex, every_order};
use bell::Bell;
use loom::future::block_on;
use loom::thread;
use std::sync::Arc;

#[test]
fn whoever_listens_hears_the_last_ring() {
    every_order(|| {
        let (bell, log) = (Bell::default(), Arc::new(Mutex::new(0)));
        let listener = |bell: &Bell, log: &Arc<Mutex<u8>>| {
            let (mut listener, log) = (bell.listen(), Arc::clone(log));
            move || {
                block_on(async {
                    while *log.lock().expect("a log") < 2 {
                        listener.hear().await;
                    }
                });
            }
        };
        let other = thread::spawn(listener(&bell, &log));
        let (ringer, rung) = (bell.clone(), Arc::clone(&log));
        let ringer = thread::spawn(move || {
            for _ in 0..2 {
                *rung.lock().expect("a log") += 1;
                ringer.ring();
            }
        });
        listener(&bell, &log)();
        other.join().expect("the other hears too");
        ringer.join().expect("the ringer ends");
    });
}
