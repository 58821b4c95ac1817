//! Who has used the processor: this process, and the servers that listen at ports of this machine.
//!
//! A server is found by its port, so that others of its kind on the same machine are not counted. Where there is no
//! `/proc`, or the server is elsewhere, nothing is told.

use std::fs::{read_dir, read_link, read_to_string};

/// How many ticks of the kernel's accounting a second has: 100 on every Linux, whatever it ticks itself.
const TICKS: u64 = 100;

/// As it stands in the kernel's table of sockets.
const LISTENS: &str = "0A";

/// A server: the process that listens, and those that it has started.
#[derive(Debug, Clone, Copy)]
pub struct Server(u32);

/// What is read of a process.
struct Used {
    parent: u32,
    /// What it has used itself, in ticks, and what those of its children had used that have ended.
    own: u64,
    gone: u64,
}

impl Server {
    /// A process of which somebody knows the number.
    pub const fn of(process: u32) -> Self {
        Self(process)
    }

    /// The one that listens at this port.
    pub fn at(port: u16) -> Option<Self> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(read_to_string);
        let sockets: Vec<String> =
            tables.into_iter().flatten().flat_map(|table| listening(&table, port)).collect();
        // A child that has inherited the socket is younger.
        processes().filter(|process| has_any(*process, &sockets)).min().map(Self)
    }

    /// Time of all cores that it has used, in microseconds.
    pub fn cpu(self) -> u64 {
        let Some(first) = used(&self.0.to_string()) else { return 0 };
        let children = processes().filter_map(|process| used(&process.to_string()));
        let children = children.filter(|child| child.parent == self.0).map(|child| child.own);
        ticks_to_micros(first.own + first.gone + children.sum::<u64>())
    }
}

/// Time of all cores that this process has used, in microseconds.
pub fn own_cpu() -> Option<u64> {
    used("self").map(|used| ticks_to_micros(used.own))
}

const fn ticks_to_micros(ticks: u64) -> u64 {
    ticks * 1_000_000 / TICKS
}

fn processes() -> impl Iterator<Item = u32> {
    let all = read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|process| process.file_name().into_string().ok()?.parse().ok())
}

/// Whether a process has one of these sockets open.
fn has_any(process: u32, sockets: &[String]) -> bool {
    let open = read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let open = open.filter_map(|file| read_link(file.path()).ok());
    open.into_iter().any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
}

/// The sockets of a table of the kernel that listen at this port, as links to them are called.
fn listening(table: &str, port: u16) -> Vec<String> {
    let socket = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, at) = fields.get(1)?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(at, 16).ok()? == port && *fields.get(3)? == LISTENS;
        is_it.then(|| fields.get(9).map(|inode| format!("socket:[{inode}]")))?
    };
    table.lines().skip(1).filter_map(socket).collect()
}

fn used(process: &str) -> Option<Used> {
    stat(&read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// What a line of the kernel says of a process.
fn stat(line: &str) -> Option<Used> {
    // The name stands in brackets and may have spaces in it; behind it the state, the parent, and as fields 14 to
    // 17 the times of user and system, of itself and of children that were waited for.
    let (_, fields) = line.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Used {
        parent: fields.get(1)?.parse().ok()?,
        own: number(11)? + number(12)?,
        gone: number(13)? + number(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::{Server, listening, own_cpu, stat};
    use std::net::TcpListener;

    #[test]
    fn who_listens_is_found_by_the_port() {
        let table = "  sl  local_address rem_address   st tx rx tr tm retr uid timeout inode\n   \
                     0: 0100007F:1538 00000000:0000 0A 0:0 0:0 0 0 0 4711 1\n   \
                     1: 0100007F:1538 0100007F:A1B2 01 0:0 0:0 0 0 0 4712 1\n";
        assert_eq!(listening(table, 0x1538), ["socket:[4711]"]);
        assert_eq!(listening(table, 0x1539), [""; 0]);
    }

    #[test]
    fn times_of_a_process_stand_behind_its_name() {
        let line = "7 (a b) c) S 3 7 7 0 -1 0 0 0 0 0 20 5 300 1 20 0 1 0";
        let used = stat(line).unwrap();
        assert_eq!((used.parent, used.own, used.gone), (3, 25, 301));
    }

    #[test]
    fn this_process_is_found_where_there_is_a_kernel_to_ask() {
        let own = TcpListener::bind("127.0.0.1:0").unwrap();
        if own_cpu().is_some() {
            assert!(Server::at(own.local_addr().unwrap().port()).is_some());
        }
    }
}
