//! A disk that is small, and full when a test wants it to be.

use testcontainers::core::Mount;

/// Where it is; no image has anything there.
pub const DISK: &str = "/small-disk";

/// A disk of so many bytes, in memory: it lives as long as its container runs.
pub fn small_disk(bytes: i64) -> Mount {
    Mount::tmpfs_mount(DISK).with_size_bytes(bytes).with_mode(0o777)
}

/// The script that leaves no room on it.
pub fn filled() -> String {
    format!("dd if=/dev/zero of={DISK}/filler bs=4k 2>/dev/null || test -s {DISK}/filler")
}

/// The script that gives the room back.
pub fn emptied() -> String {
    format!("rm {DISK}/filler")
}
