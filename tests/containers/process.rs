//! The examples as processes that can be killed, frozen and told to end.

use crate::servers::runtime;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Longer than a process takes for anything that it does at all.
const LONG: Duration = Duration::from_secs(180);

/// The program of an example, or `ballet`: it was built beside the program that this is.
pub fn program(name: &str) -> String {
    let itself = std::env::current_exe().expect("it was started from a file");
    let name = format!("killed-{name}");
    let mut folders = itself.ancestors().skip(1).take(2).map(|folder| folder.join(&name));
    let found = folders.find(|program| program.is_file());
    let found = found.unwrap_or_else(|| {
        panic!("`{name}` is not there: build it with `cargo build -p containers --bins`")
    });
    found.to_str().expect("its path is UTF-8").to_owned()
}

/// What a process has said on both outputs, in the order in which it came here.
#[derive(Debug, Default)]
struct Said {
    lines: Vec<String>,
    /// How many of the two outputs have ended.
    ended: u8,
}

/// A process. When it is dropped it is killed; if its test has failed, what it said is shown.
pub struct Process {
    name: String,
    child: Child,
    said: Arc<watch::Sender<Said>>,
}

impl Process {
    /// Starts a program with arguments and, besides what this process has, variables.
    pub fn start(program: &str, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program);
        command.args(args).envs(variables.iter().copied()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let _lasting = runtime().enter();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        let said = Arc::new(watch::Sender::new(Said::default()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        runtime().spawn(listen(out, said.clone()));
        runtime().spawn(listen(err, said.clone()));
        let name = program.rsplit('/').next().unwrap_or(program).to_owned();
        Self { name, child, said }
    }

    /// Waits until it has said a line with `mark` in it, and gives that line; it must not end before.
    pub async fn says(&self, mark: &str) -> String {
        let line = self.says_or_ends(mark).await;
        line.unwrap_or_else(|| panic!("{} ended and said:\n{}", self.name, self.said()))
    }

    /// The same; nothing if it ends before.
    pub async fn says_or_ends(&self, mark: &str) -> Option<String> {
        let mut said = self.said.subscribe();
        let is_marked = |line: &&String| line.contains(mark);
        let come =
            said.wait_for(|said| said.ended == 2 || said.lines.iter().any(|l| is_marked(&l)));
        let Ok(come) = tokio::time::timeout(LONG, come).await else {
            panic!("{} does not say `{mark}` but:\n{}", self.name, self.said());
        };
        let come = come.expect("it is listened to");
        come.lines.iter().find(is_marked).cloned()
    }

    /// All that it has said until now.
    pub fn said(&self) -> String {
        self.said.borrow().lines.join("\n")
    }

    /// All that it has said, once it has ended.
    pub async fn heard(&self) -> String {
        let mut said = self.said.subscribe();
        let _ = said.wait_for(|said| said.ended == 2).await.expect("it is listened to");
        self.said()
    }

    /// The number that the system knows it by.
    pub fn id(&self) -> String {
        self.child.id().expect("it has not ended").to_string()
    }

    /// Ends it at once, as `kill -9`, and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it is ours");
    }

    /// Tells it to end, and says how it has.
    pub async fn end(&mut self) -> ExitStatus {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Waits for it to end by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        match tokio::time::timeout(LONG, self.child.wait()).await {
            Ok(ended) => ended.expect("it is ours"),
            Err(_) => panic!("{} does not end. It said:\n{}", self.name, self.said()),
        }
    }

    /// Stops it where it stands; its connections stay.
    pub async fn freeze(&self) {
        self.signal("STOP").await;
    }

    /// It goes on where it was frozen, and does not know.
    pub async fn thaw(&self) {
        self.signal("CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let told = Command::new("kill").arg(format!("-{signal}")).arg(self.id()).status();
        assert!(told.await.unwrap().success(), "{} cannot be told", self.name);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} said:\n{}", self.name, self.said());
        }
    }
}

/// Notes every line, until there is no more.
async fn listen(output: impl AsyncRead + Unpin, said: Arc<watch::Sender<Said>>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        said.send_modify(|said| said.lines.push(line));
    }
    said.send_modify(|said| said.ended += 1);
}

#[cfg(test)]
mod tests {
    use super::{Process, program};
    use std::time::Duration;

    fn shell(script: &str) -> Process {
        Process::start("sh", &["-c", script], &[("WORD", "hello")])
    }

    #[tokio::test]
    async fn a_process_is_given_arguments_and_variables_and_both_outputs_are_heard() {
        let process = shell("echo 1: $WORD; echo 2: $WORD >&2; read wait");
        assert_eq!(process.says("1:").await, "1: hello");
        assert_eq!(process.says("2:").await, "2: hello");
    }

    #[tokio::test]
    async fn a_process_that_is_killed_does_nothing_more() {
        let mut process = shell("trap 'echo told' TERM; echo up; while :; do sleep 0.01; done");
        process.says("up").await;
        process.kill().await;
        assert_eq!(process.said(), "up");
    }

    #[tokio::test]
    async fn a_process_that_is_told_to_end_may_say_how() {
        let mut process = shell("trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done");
        process.says("up").await;
        assert_eq!(process.end().await.code(), Some(3));
    }

    #[tokio::test]
    async fn a_frozen_process_ends_only_when_it_is_thawed() {
        let mut process = shell("trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done");
        process.says("up").await;
        process.freeze().await;
        process.signal("TERM").await;
        let early = tokio::time::timeout(Duration::from_millis(100), process.child.wait()).await;
        assert!(early.is_err());
        process.thaw().await;
        assert_eq!(process.ended().await.code(), Some(3));
    }

    #[tokio::test]
    #[should_panic(expected = "sh ended and said:\nno")]
    async fn who_waits_for_a_process_that_has_ended_is_told_what_it_said() {
        shell("echo no").says("up").await;
    }

    #[tokio::test]
    async fn every_example_says_where_it_listens() {
        let folder = std::env::temp_dir().join(format!("ballet-process-{}", std::process::id()));
        for example in ["orchestrated", "choreographed"] {
            let store = folder.join(example).join("shop.db");
            std::fs::create_dir_all(store.parent().unwrap()).unwrap();
            let args = ["--listen", "127.0.0.1:0", "--store", store.to_str().unwrap()];
            let mut process = Process::start(&program(example), &args, &[]);
            assert!(process.says("http://127.0.0.1:").await.starts_with(example));
            process.kill().await;
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
