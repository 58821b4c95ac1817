//! What this process and the servers on this machine have used, as the kernel tells it; nothing where there is
//! no `/proc`.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// How many ticks of the kernel's accounting a second has: 100 on every Linux, whatever it ticks itself.
const TICKS: u64 = 100;

/// What was used up to a moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Meter {
    /// Time of all cores, of this process, in microseconds.
    pub cpu: u64,
    /// Bytes that it made dirty and that go to the disk.
    pub written: u64,
    /// Time of all cores, of every Postgres and of every Kafka on this machine, in microseconds.
    pub postgres: u64,
    pub kafka: u64,
}

impl Meter {
    pub fn now() -> Self {
        Self {
            cpu: cpu("self").map(|(_, used)| used).unwrap_or_default(),
            written: written().unwrap_or_default(),
            postgres: cpu_of(|name, _| name == "postgres"),
            kafka: cpu_of(|name, line| name == "java" && line.contains("kafka.Kafka")),
        }
    }

    /// What was used since. Who has ended meanwhile takes along what they had used.
    pub const fn since(self, before: Self) -> Self {
        Self {
            cpu: self.cpu - before.cpu,
            written: self.written - before.written,
            postgres: self.postgres.saturating_sub(before.postgres),
            kafka: self.kafka.saturating_sub(before.kafka),
        }
    }
}

/// The name of a process, and what it has used.
fn cpu(process: &str) -> Option<(String, u64)> {
    let stat = read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name stands in brackets and may have spaces in it; user and system time are fields 14 and 15.
    let (head, fields) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((name.to_owned(), (user + system) * 1_000_000 / TICKS))
}

/// What all processes have used that are so by name and command line.
fn cpu_of(is_one: impl Fn(&str, &str) -> bool) -> u64 {
    let Ok(processes) = std::fs::read_dir("/proc") else { return 0 };
    let used = processes.flatten().filter_map(|process| {
        let id = process.file_name().into_string().ok()?;
        id.parse::<u32>().ok()?;
        let (name, used) = cpu(&id)?;
        let line = read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
        is_one(&name, &line).then_some(used)
    });
    used.sum()
}

fn written() -> Option<u64> {
    field(&read_to_string("/proc/self/io").ok()?, "write_bytes:")
}

/// How much memory the process has now, in bytes.
pub fn resident() -> Option<u64> {
    field(&read_to_string("/proc/self/status").ok()?, "VmRSS:").map(|kilobytes| kilobytes * 1024)
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
