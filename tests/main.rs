//! One binary for all tests that use ballet as its users do; modules in reading order.

mod audit;
mod conformance;
mod crashes;
mod docs;
mod http;
mod lane;
mod statements;
mod stories;
mod tidy;
mod ui;

/// Stories are told thousands of times.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
