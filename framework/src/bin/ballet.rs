//! `ballet`: what its operators do before services start.

use std::process::ExitCode;

fn main() -> ExitCode {
    ballet::cli::main()
}
