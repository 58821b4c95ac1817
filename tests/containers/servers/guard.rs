//! The process that clears up after this one.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// Every container carries the id of the process that it was started for.
pub const LABEL: &str = "ballet.tests.process";

/// Sees to it that the containers of this process are removed when it is gone: after its end, a
/// panic, Ctrl-C or `kill -9`. A pipe tells, which the system closes whatever happened; the guard
/// stands in a group of its own, so that Ctrl-C does not reach it. It looks twice, for the engine
/// may be about to make a container that was asked for at the last moment.
pub fn stand() {
    static GUARD: OnceLock<Child> = OnceLock::new();
    GUARD.get_or_init(|| {
        let sweep = Path::new(env!("CARGO_MANIFEST_DIR")).join("../images/sweep");
        let mut guard = Command::new("sh");
        guard.args(["-c", r#"cat; "$0" "$1"; sleep 3; "$0" "$1""#]);
        guard.arg(sweep).arg(std::process::id().to_string()).process_group(0);
        guard.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        guard.spawn().expect("there is a shell")
    });
}
