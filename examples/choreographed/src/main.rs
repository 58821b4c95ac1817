//! Serves the purchase by reactions over HTTP, on one SQLite file.

use choreographed::CAST;
use shop::http::{Example, main as serve};
use std::process::ExitCode;

fn main() -> ExitCode {
    serve(&Example { name: "choreographed", cast: CAST, runs: None })
}
