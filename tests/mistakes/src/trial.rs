//! One layer, run with one mistake or with none.

use crate::Failed;
use crate::mistake::VARIABLE;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How a layer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Every test passed.
    Passed,
    /// This test failed first; the others were not waited for.
    Failed(String),
    /// The time was over, and this test still ran.
    Endless(String),
    /// The process died while this test ran.
    Died(String),
}

/// A child that does not outlive the one who waits for it.
pub(crate) struct Bound(pub(crate) Child);

impl Drop for Bound {
    fn drop(&mut self) {
        let killed = self.0.kill();
        if let Err(told) = killed.and_then(|()| self.0.wait().map(drop)) {
            eprintln!("a test could not be ended: {told}");
        }
    }
}

/// The names of the tests that a command runs.
pub fn tests(mut command: Command) -> Result<BTreeSet<String>, Failed> {
    let listed = command.arg("--list").stderr(Stdio::null()).output()?;
    let listed = String::from_utf8(listed.stdout)?;
    Ok(listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

/// Runs tests with a mistake, until one fails, all have passed, or the time is over.
#[allow(clippy::disallowed_methods)] // What is measured here is the time of the machine.
pub fn run(
    mut command: Command,
    mistake: Option<&str>,
    tests: &BTreeSet<String>,
    budget: Duration,
) -> Result<(Ended, Duration), Failed> {
    // Two at a time: one that does not end keeps the others from nothing.
    command.args(["--test-threads", "2"]).env_remove(VARIABLE);
    if let Some(mistake) = mistake {
        command.env(VARIABLE, mistake);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = Bound(command.spawn()?);
    let lines = lines(&mut child.0)?;
    let mut left = tests.clone();
    let ended = loop {
        match lines.recv_timeout(budget.saturating_sub(begun.elapsed())) {
            Ok(line) => match outcome(&line) {
                Some((test, true)) => drop(left.remove(test)),
                Some((test, false)) => break Ended::Failed(test.to_owned()),
                None => {}
            },
            Err(RecvTimeoutError::Timeout) => break Ended::Endless(first(&left)),
            Err(RecvTimeoutError::Disconnected) if child.0.wait()?.success() => {
                break Ended::Passed;
            }
            Err(RecvTimeoutError::Disconnected) => break Ended::Died(first(&left)),
        }
    };
    Ok((ended, begun.elapsed()))
}

/// What a child says, line by line, as it comes.
fn lines(child: &mut Child) -> Result<Receiver<String>, Failed> {
    let said = BufReader::new(child.stdout.take().ok_or("a test has no output")?);
    let (told, lines) = channel();
    thread::spawn(move || {
        for line in said.lines().map_while(Result::ok) {
            if told.send(line).is_err() {
                return;
            }
        }
    });
    Ok(lines)
}

/// The test that a line tells of, and whether it passed.
fn outcome(line: &str) -> Option<(&str, bool)> {
    let (test, outcome) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let test = test.trim_end_matches(" - should panic");
    match outcome {
        "ok" => Some((test, true)),
        "FAILED" => Some((test, false)),
        _ => None,
    }
}

/// Tests run in the order of their names, so of those that are left the first one runs.
fn first(left: &BTreeSet<String>) -> String {
    left.first().map_or_else(|| "after the last test".to_owned(), String::clone)
}

#[cfg(test)]
mod tests {
    use super::{Command, Duration, Ended, outcome, run};

    fn says(script: &str, tests: &[&str], millis: u64) -> Ended {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let tests = tests.iter().map(ToString::to_string).collect();
        run(command, Some("some"), &tests, Duration::from_millis(millis)).unwrap().0
    }

    #[test]
    fn the_first_test_that_fails_is_named() {
        let script = "echo 'test a::b ... ok'; echo 'test a::c ... FAILED'; sleep 100";
        assert_eq!(says(script, &["a::b", "a::c"], 60_000), Ended::Failed("a::c".into()));
        assert_eq!(outcome("test a::d - should panic ... ok"), Some(("a::d", true)));
        assert_eq!(outcome("test result: ok. 1 passed"), None);
    }

    #[test]
    fn what_does_not_end_is_ended_and_named() {
        let script = "echo 'test a ... ok'; exec sleep 100";
        assert_eq!(says(script, &["a", "b"], 300), Ended::Endless("b".into()));
    }

    #[test]
    fn a_process_that_dies_is_no_success() {
        assert_eq!(says("kill -9 $$", &["a"], 60_000), Ended::Died("a".into()));
        assert_eq!(says("exit 0", &["a"], 60_000), Ended::Passed);
    }

    #[test]
    fn the_mistake_is_told_by_the_environment() {
        let script = "[ \"$BALLET_MISTAKE\" = some ] && echo 'test told ... FAILED'";
        assert_eq!(says(script, &["told"], 60_000), Ended::Failed("told".into()));
    }
}
