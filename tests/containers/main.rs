//! Tests that need real servers: Postgres and Kafka in containers, the network between, and the
//! examples as processes.

mod kafka;
mod postgres;
mod processes;
