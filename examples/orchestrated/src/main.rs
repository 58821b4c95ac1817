//! Serves the purchase with a coordinator over HTTP, on one SQLite file, or on Postgres and Kafka.

use orchestrated::{CAST, Purchase};
use shop::http::{Example, Runs, main as serve};
use std::process::ExitCode;

/// A service may choose how it allocates: with this one the engine costs less under load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let runs = Some(Runs::of::<Purchase>());
    serve(&Example { name: "orchestrated", cast: CAST, beside: &[], runs })
}
