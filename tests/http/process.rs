//! The examples as processes: killed at any moment, and told things that they cannot do.

use super::client::ask;
use super::{Folder, an_ipad, both};
use ballet::clock::rest;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The program of an example.
fn process(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(match name {
        "orchestrated" => env!("CARGO_BIN_EXE_shop-orchestrated"),
        "choreographed" => env!("CARGO_BIN_EXE_shop-choreographed"),
        other => panic!("there is no example `{other}`"),
    });
    command.args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A process that serves until it is dropped: then it is killed, as by `kill -9`.
pub(super) struct Served {
    child: Child,
    pub(super) at: SocketAddr,
    /// What it says when it begins to listen.
    greeting: String,
}

impl Served {
    pub(super) fn start(name: &str, store: &Path) -> Self {
        Self::with(name, store, &[])
    }

    /// The same with settings of the shop.
    pub(super) fn with(name: &str, store: &Path, settings: &[(&str, &str)]) -> Self {
        let args = ["--listen", "127.0.0.1:0", "--store", store.to_str().unwrap()];
        let mut child = process(name, &args).envs(settings.iter().copied()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let at = loop {
            line.clear();
            if out.read_line(&mut line).unwrap() == 0 {
                let mut why = String::new();
                child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
                panic!("it does not start: {why}");
            }
            if let Some((_, rest)) = line.split_once(": http://") {
                break rest.split(',').next().unwrap().parse().unwrap();
            }
        };
        let mut greeting = String::new();
        while !greeting.contains("Kill it") && out.read_line(&mut greeting).unwrap() > 0 {}
        // Whoever writes to a pipe that nobody reads waits.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        let mut err = child.stderr.take().unwrap();
        std::thread::spawn(move || std::io::copy(&mut err, &mut std::io::sink()));
        Self { child, at, greeting }
    }

    /// One that is killed after so long, most likely before it has said where it listens.
    #[cfg(unix)]
    pub(super) async fn stillborn(name: &str, store: &Path, lives: Duration) {
        let args = ["--listen", "127.0.0.1:0", "--store", store.to_str().unwrap()];
        let mut child = process(name, &args).spawn().unwrap();
        rest(lives).await;
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Tells it to end, and waits until it has.
    #[cfg(unix)]
    pub(super) fn end(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn every_purchase_goes_on_after_a_kill() {
    for example in both() {
        let folder = Folder::new();
        let mut orders: Vec<String> = Vec::new();
        for life in 0..4 {
            let served = Served::start(example.name, &folder.store());
            for order in &orders {
                ask(served.at, "GET", order, None, "").await.is(200);
            }
            for number in 0..5 {
                let (key, customer) = (format!("{life}/{number}"), life * 5 + number + 1);
                let body = an_ipad(&format!("c{customer}")).to_string();
                let said = ask(served.at, "POST", "/v1/orders", Some(&key), &body).await.is(202);
                orders.push(said.header("location").unwrap().to_owned());
            }
        }
        let served = Served::start(example.name, &folder.store());
        for order in &orders {
            let ended = format!("{order}?wait=terminal&timeout=60000");
            let said = ask(served.at, "GET", &ended, None, "").await.is(200);
            assert_eq!(said.at("/status"), "shipped", "{}: {}", example.name, said.text);
        }
    }
}

/// What a process says that cannot run.
fn refusal(args: &[&str]) -> String {
    refusal_of("orchestrated", args)
}

fn refusal_of(name: &str, args: &[&str]) -> String {
    let ended = process(name, args).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn what_keeps_it_from_running_is_told_in_a_sentence() {
    let folder = Folder::new();
    let file = |name: &str| folder.as_ref().join(name).to_str().unwrap().to_owned();
    let on = |store: &str| refusal(&["--listen", "127.0.0.1:0", "--store", store]);
    let told = "orchestrated: there is no option `--port`; `--help` lists them\n";
    assert_eq!(refusal(&["--port", "1"]), told);
    let text = file("text.db");
    std::fs::write(&text, "this is a letter").unwrap();
    assert!(on(&text).contains("is not a database: name another file"));
    assert!(on(&file("nowhere/shop.db")).contains("is in a folder that is not there"));

    let store = file("shop.db");
    let served = Served::start("orchestrated", Path::new(&store));
    assert!(on(&store).contains("is open in another process"));
    let listen = served.at.to_string();
    let taken = refusal(&["--listen", &listen, "--store", &file("other.db")]);
    assert!(taken.contains("name another with --listen"));
}

/// Each would find topics and rows of its own name in it that mean something else.
#[test]
fn an_example_does_not_start_on_the_file_of_the_other() {
    for (first, second) in [("orchestrated", "choreographed"), ("choreographed", "orchestrated")] {
        let folder = Folder::new();
        let store = folder.store();
        drop(Served::start(first, &store));
        let said =
            refusal_of(second, &["--listen", "127.0.0.1:0", "--store", store.to_str().unwrap()]);
        let why = format!("belongs to `{first}`, and this is `{second}`: name another file");
        assert!(said.contains(&why), "{said}");
        Served::start(first, &store);
    }
}

#[tokio::test]
async fn the_lines_to_paste_name_the_order_that_the_first_of_them_places() {
    for example in both() {
        let folder = Folder::new();
        let served = Served::start(example.name, &folder.store());
        let after = |mark: &str| served.greeting.split_once(mark).expect("it is to be pasted").1;
        let key = after("Idempotency-Key: ").split('\'').next().unwrap();
        let body = after("-d '").split('\'').next().unwrap();
        let order = after("ORDER=").split_whitespace().next().unwrap();
        let said = ask(served.at, "POST", "/v1/orders", Some(key), body).await.is(202);
        let location = said.header("location").unwrap();
        assert_eq!(order, format!("http://{}{location}", served.at));
    }
}

#[cfg(unix)]
#[test]
fn a_process_that_is_told_to_end_ends_well() {
    let folder = Folder::new();
    let mut served = Served::start("choreographed", &folder.store());
    assert_eq!(served.end(), Some(0));
}
