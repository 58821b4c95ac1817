//! Serves the purchase by reactions over HTTP, on one SQLite file.

use choreographed::{BESIDE, CAST};
use shop::http::{Example, main as serve};
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(&Example { name: "choreographed", cast: CAST, beside: BESIDE, runs: None })
}
