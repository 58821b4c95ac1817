//! Serves the purchase by reactions over HTTP, on one SQLite file, or on Postgres and Kafka.

use choreographed::{BESIDE, CAST};
use shop::http::{Example, main as serve};
use std::process::ExitCode;

/// A service may choose how it allocates: with this one the engine costs less under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    serve(&Example { name: "choreographed", cast: CAST, beside: BESIDE, runs: None })
}
