//! Does harm to a shop of processes under load: see `tests/chaos --help`.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Deadlines that are over while harm is done, so that whoever is given up is given up in the middle.
const DEADLINES: [(&str, &str); 2] =
    [("SHOP_VALIDATION_WAIT_MS", "20000"), ("SHOP_PAYMENT_WAIT_MS", "20000")];

/// The auditor must know the deadlines of the shop, and a process reads them from its environment. So this
/// one begins anew with those that are not set.
fn main() -> ExitCode {
    let is_missing = |(name, _): &(&str, &str)| std::env::var_os(name).is_none();
    let missing: Vec<_> = DEADLINES.into_iter().filter(is_missing).collect();
    if missing.is_empty() {
        return containers::chaos::main(std::env::args().skip(1));
    }
    let itself = std::env::current_exe().expect("it was started from a file");
    let why = Command::new(itself).args(std::env::args_os().skip(1)).envs(missing).exec();
    panic!("it cannot begin anew: {why}");
}
