//! Ports that stay free for who has chosen them.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that a system gives to outgoing connections: a port that a killed server has left
/// must be free when it comes back.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port that nobody listens at. No two calls in this process give the same.
pub fn free_port() -> u16 {
    // Two processes that look at the same time begin far from each other, most likely.
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let start = std::process::id().wrapping_mul(211) % u32::from(COUNT);
        AtomicU16::new(u16::try_from(start).expect("it is less than the count"))
    });
    let candidates = (0..COUNT).map(|_| FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT);
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok();
    candidates.into_iter().find(free).expect("not all ports are taken")
}
