//! The examples as processes of their own, one for each service, over Postgres and Kafka.

mod purchases;
mod rights;
