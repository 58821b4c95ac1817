//! A coordinator in a process of its own, so that there can be two, and one can be killed.
//!
//! It is this program again, [serving](super::serve). It reads its task from standard input, as one line of JSON, and says on standard
//! output what came of it, a line of JSON each time. It ends when its input does.

use super::home::Home;
use crate::Failed;
use crate::processes::Server;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use tokio::task::spawn_blocking;

/// The mode in which this program is one.
pub const OWNER: &str = "owner";

/// What an owner does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    pub home: Home,
    pub lanes: u32,
    pub deed: Deed,
}

/// What becomes of the home.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Deed {
    /// It coordinates, beside others.
    Help,
    /// So many are begun, and nobody works for them.
    Begin(u64),
    /// So many were begun by an owner who is no more. They are taken over, and all come to their end.
    TakeOver(u64),
}

/// So long it took to begin them, and so much memory, in megabytes, the process has then.
#[derive(Debug, Serialize, Deserialize)]
pub struct Began {
    pub seconds: f64,
    pub rss: f64,
}

/// When lanes were taken over and one more saga had begun, in seconds from the beginning of the process; and how
/// much memory, in megabytes, it has then.
#[derive(Debug, Serialize, Deserialize)]
pub struct TookOver {
    pub first_lane: f64,
    pub progress: f64,
    pub all_lanes: f64,
    pub rss: f64,
}

/// All have come to their end after so many seconds, with so much memory, in megabytes, at most.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ended {
    pub seconds: f64,
    pub most_rss: f64,
}

/// An owner, as whoever started it sees it.
pub struct Owner {
    child: Child,
    told: Option<BufReader<ChildStdout>>,
}

impl Owner {
    pub fn start(task: &Task) -> Result<Self, Failed> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(OWNER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let told = child.stdout.take().map(BufReader::new);
        let line = serde_json::to_string(task)?;
        let input = child.stdin.as_mut().ok_or("an owner reads its task")?;
        writeln!(input, "{line}")?;
        Ok(Self { child, told })
    }

    /// What it says next.
    pub async fn told<T: DeserializeOwned>(&mut self) -> Result<T, Failed> {
        let mut told = self.told.take().ok_or("an owner says one thing at a time")?;
        let (told, line) = spawn_blocking(move || {
            let mut line = String::new();
            told.read_line(&mut line).map(|_| (told, line))
        })
        .await??;
        self.told = Some(told);
        serde_json::from_str(&line).map_err(|_| format!("an owner has ended: {line:?}").into())
    }

    pub fn process(&self) -> Server {
        Server::of(self.child.id())
    }

    /// As a power cut would.
    pub fn kill(mut self) -> Result<(), Failed> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Lets it end.
    pub async fn dismiss(mut self) -> Result<(), Failed> {
        drop(self.child.stdin.take());
        let status = spawn_blocking(move || self.child.wait()).await??;
        if status.success() { Ok(()) } else { Err(format!("an owner has ended: {status}").into()) }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}
