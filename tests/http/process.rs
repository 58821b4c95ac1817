//! The examples as processes: killed at any moment, and told things that they cannot do.
//!
//! The process is this test binary itself, which serves when a variable says so.

use super::client::ask;
use super::{Folder, an_ipad, both};
use shop::http::run;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Names the example, and then its arguments, a line each.
const SERVE: &str = "BALLET_TESTS_SERVE";

/// Not a test of its own: the body of the processes that the tests here start.
#[test]
fn serves_when_told() {
    let Ok(told) = std::env::var(SERVE) else { return };
    let mut lines = told.lines();
    let name = lines.next().unwrap();
    let example = both().into_iter().find(|example| example.name == name).unwrap();
    let code = match run(&example, lines.map(str::to_owned)) {
        Ok(()) => 0,
        Err(why) => {
            eprintln!("{why}");
            2
        }
    };
    std::process::exit(code);
}

fn process(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let this = concat!(module_path!(), "::serves_when_told");
    let (_, this) = this.split_once("::").unwrap();
    command.args(["--exact", this, "--nocapture"]);
    command.env(SERVE, [&[name], args].concat().join("\n"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A process that serves until it is dropped: then it is killed, as by `kill -9`.
struct Served {
    child: Child,
    at: SocketAddr,
}

impl Served {
    fn start(name: &str, store: &Path) -> Self {
        let args = ["--listen", "127.0.0.1:0", "--store", store.to_str().unwrap()];
        let mut child = process(name, &args).spawn().unwrap();
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
        // Whoever writes to a pipe that nobody reads waits.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Self { child, at }
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
    let ended = process("orchestrated", args).output().unwrap();
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
    assert_eq!(refusal(&["--port", "1"]), "`--port` is no option: see --help\n");
    let text = file("text.db");
    std::fs::write(&text, "this is a letter").unwrap();
    assert!(on(&text).contains("is not a database: name another file"));
    assert!(on(&file("nowhere/shop.db")).contains("make its folder"));

    let store = file("shop.db");
    let served = Served::start("orchestrated", Path::new(&store));
    assert!(on(&store).contains("is open in another process"));
    let listen = served.at.to_string();
    let taken = refusal(&["--listen", &listen, "--store", &file("other.db")]);
    assert!(taken.contains("name another with --listen"));
}

#[cfg(unix)]
#[test]
fn a_process_that_is_told_to_end_ends_well() {
    let folder = Folder::new();
    let mut served = Served::start("choreographed", &folder.store());
    let id = served.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(served.child.wait().unwrap().code(), Some(0));
}
