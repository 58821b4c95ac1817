//! Does harm to a shop of processes under load: see `tests/chaos --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    containers::chaos::main(std::env::args().skip(1))
}
