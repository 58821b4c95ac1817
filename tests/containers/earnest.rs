//! The shop as real processes, and everything that can happen to them and to what they stand on.
//!
//! Goal: whatever dies, freezes or is cut off, at whatever moment, every purchase that was acknowledged
//! comes to its one end, and nothing happens twice. Method: a shop of one process for each service, on
//! a Kafka of its own; customers who keep buying, over HTTP and under keys, so that they can ask again;
//! and at the end the auditor, who goes through all tables and topics.
//!
//! ```text
//! house    the shop, who dies in it, and the end      crowd   those who buy
//! deaths   at every named point of every service      coordinator   at each step, two of it, frozen
//! outages  of servers   links   between each service and each server
//! storms   who comes and goes all the time            away    who is not there at all
//! drains   processes that are told to end              readers   whoever reads while Kafka dies
//! ```

mod away;
mod coordinator;
mod crowd;
mod deaths;
mod drains;
mod house;
mod links;
mod outages;
mod readers;
mod storms;
