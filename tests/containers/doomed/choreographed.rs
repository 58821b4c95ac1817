//! The purchase by reactions, in processes that die and freeze where a test wants it.

use choreographed::{BESIDE, CAST};
use shop::http::Example;
use std::process::ExitCode;

fn main() -> ExitCode {
    doomed::main(&Example { name: "choreographed", cast: CAST, beside: BESIDE, runs: None })
}
