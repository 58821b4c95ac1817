//! What tests on real servers stand on: servers in containers that can be killed, a network that can
//! fail, programs that can be killed, frozen and told to end, and the shop made of them.
//!
//! ```text
//! servers    Postgres and Kafka          process   a program
//! proxy      a network                   shop      one process for each service, asked over HTTP
//! books      the tables and topics of a shop, for its auditor
//! witness    what the database itself has seen of batches
//! history    all of that, for the checkers
//! chaos      harm under load, drawn from a seed
//! ```

pub mod books;
pub mod chaos;
pub mod history;
pub mod process;
pub mod proxy;
pub mod servers;
pub mod shop;
pub mod witness;
