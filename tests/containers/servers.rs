//! Real servers in containers.
//!
//! [`postgres`] and [`kafka`] are there for all tests of this process, and start when the first of
//! them asks. A test that kills, stops or freezes one takes a server of its own:
//! [`Postgres::alone`], [`Kafka::alone`]. Each server keeps its address for life, through every
//! restart. When this process is gone, however it went, its containers are removed.

mod acls;
mod container;
mod disk;
mod guard;
mod images;
mod kafka;
mod ports;
mod postgres;
#[cfg(test)]
mod tests;

pub use acls::{Acl, acls_of};
pub use kafka::Kafka;
pub use ports::free_port;
pub use postgres::{Database, Postgres};

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// Room for the databases of all tests, in bytes. To copy one takes a tenth of the time in memory, and what
/// survives when a server dies is shown by those that have a real disk.
const EVERYBODYS: i64 = 4 << 30;
static POSTGRES: OnceCell<Postgres> = OnceCell::const_new();
static KAFKA: OnceCell<Kafka> = OnceCell::const_new();

/// The Postgres of all tests, which nobody harms. Each takes a [`Postgres::database`] of its own from it.
pub async fn postgres() -> &'static Postgres {
    POSTGRES.get_or_init(|| Postgres::on_a_small_disk(EVERYBODYS)).await
}

/// The Kafka of all tests. Each takes names of its own on it: [`Kafka::topic`], [`own_name`].
pub async fn kafka() -> &'static Kafka {
    KAFKA.get_or_init(Kafka::alone).await
}

/// `name`, and a number that no other test of this process has.
pub fn own_name(name: &str) -> String {
    static TAKEN: AtomicUsize = AtomicUsize::new(1);
    format!("{name}_{}", TAKEN.fetch_add(1, Ordering::Relaxed))
}

/// Where servers and proxies are looked after. It outlives every test, and goes on while a test
/// blocks its own thread.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().expect("a runtime can be made")
    });
    &RUNTIME
}
