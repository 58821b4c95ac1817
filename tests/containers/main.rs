//! Tests that need real servers: Postgres and Kafka in containers, the network between, and the
//! examples as processes that are killed.

mod earnest;
mod harmed;
mod kafka;
mod postgres;
mod processes;
mod trouble;
mod wire;
