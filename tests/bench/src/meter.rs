//! What this process and its machine are like, as the kernel tells it; nothing where there is no `/proc`.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// The bytes of a megabyte.
pub const MEGABYTE: f64 = 1_048_576.0;

/// How many bytes this process has made dirty that go to the disk.
pub fn written() -> Option<u64> {
    field(&read_to_string("/proc/self/io").ok()?, "write_bytes:")
}

/// How much memory the process has now, in megabytes.
pub fn resident() -> Option<f64> {
    memory("VmRSS:")
}

/// How much it has had at most, in megabytes.
pub fn most_resident() -> Option<f64> {
    memory("VmHWM:")
}

fn memory(name: &str) -> Option<f64> {
    let kilobytes = field(&read_to_string("/proc/self/status").ok()?, name)?;
    Some(kilobytes as f64 * 1024.0 / MEGABYTE)
}

fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How many processes want to run, as a mean of the last minute.
pub fn load() -> Option<f64> {
    read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

/// The kind of the file system that a folder is on.
pub fn filesystem(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    kind(&read_to_string("/proc/self/mounts").ok()?, &folder)
}

fn kind(mounts: &str, folder: &Path) -> Option<String> {
    let mounted = mounts.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        Some((PathBuf::from(fields.next()?), fields.next()?))
    });
    let above = mounted.filter(|(at, _)| folder.starts_with(at));
    above.max_by_key(|(at, _)| at.components().count()).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{field, kind};
    use std::path::Path;

    #[test]
    fn a_folder_is_on_what_is_mounted_nearest_above_it() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n";
        assert_eq!(kind(mounts, Path::new("/tmp/x")).as_deref(), Some("tmpfs"));
        assert_eq!(kind(mounts, Path::new("/tmpfile")).as_deref(), Some("ext4"));
    }

    #[test]
    fn a_field_is_read_by_its_name() {
        assert_eq!(field("rchar: 1\nwrite_bytes: 4096\n", "write_bytes:"), Some(4096));
        assert_eq!(field("VmRSS:\t  12 kB\n", "VmRSS:"), Some(12));
    }
}
