//! The purchase with a coordinator, in processes that die and freeze where a test wants it.

use orchestrated::{CAST, Purchase};
use shop::http::{Example, Runs};
use std::process::ExitCode;

fn main() -> ExitCode {
    let runs = Some(Runs::of::<Purchase>());
    doomed::main(&Example { name: "orchestrated", cast: CAST, beside: &[], runs })
}
