//! The shop while harm is done to it: everybody is killed once; processes come and go; and `tests/chaos`,
//! the command, for a short while.

use containers::chaos::{Outcome, each_is_killed_once, grows_and_shrinks};
use containers::process::Process;
use containers::servers::own_name;
use serde_json::Value;
use std::path::PathBuf;

/// All that has come of a story, if nothing is wrong with it.
fn right(outcome: &Outcome) -> usize {
    println!("{}", outcome.figures);
    assert!(outcome.wrong.is_empty(), "{}\n{}", outcome.wrong.join("\n"), outcome.figures);
    outcome.ends.values().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_coordinator_200_purchases_outlive_a_kill_of_everybody_and_of_both_servers() {
    assert_eq!(right(&each_is_killed_once("orchestrated").await), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_reactions_200_purchases_outlive_a_kill_of_everybody_and_of_both_servers() {
    assert_eq!(right(&each_is_killed_once("choreographed").await), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_coordinator_processes_come_and_go_and_every_purchase_is_shipped() {
    let outcome = grows_and_shrinks("orchestrated").await;
    assert_eq!(outcome.ends.get("shipped"), Some(&right(&outcome)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_reactions_processes_come_and_go_and_every_purchase_is_shipped() {
    let outcome = grows_and_shrinks("choreographed").await;
    assert_eq!(outcome.ends.get("shipped"), Some(&right(&outcome)));
}

/// Runs the command, and gives its status, what it has said, and its figures.
async fn chaos(args: &[&str]) -> (Option<i32>, String, Option<Value>) {
    let folder =
        std::env::temp_dir().join(own_name(&format!("ballet-chaos-{}", std::process::id())));
    let (kept, json) = (folder.join("kept"), folder.join("figures"));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let (kept, file) = (path(&kept), path(&json));
    let mut all = vec!["--folder", &kept, "--json", &file];
    all.extend(args);
    let mut process = Process::start(env!("CARGO_BIN_EXE_chaos"), &all, &[]);
    let said = process.heard().await;
    let code = process.ended().await.code();
    let figures = std::fs::read(&json).ok().map(|json| serde_json::from_slice(&json).unwrap());
    match code {
        Some(0 | 2) => std::fs::remove_dir_all(folder).unwrap(),
        _ => println!("chaos has ended with {code:?}, and left {}", folder.display()),
    }
    (code, said, figures)
}

async fn nothing_is_wrong_after_chaos(mode: &str, seed: &str) {
    let args = ["--minutes", "0.6", "--rate", "3", "--mode", mode, "--seed", seed];
    let (code, said, figures) = chaos(&args).await;
    println!("{said}");
    assert_eq!(code, Some(0), "{said}");
    let figures = &figures.unwrap()[0];
    assert_eq!(figures["violations"], serde_json::json!([]), "{said}");
    let times = figures["faults"].as_object().unwrap().values().map(|kind| kind["times"].as_u64());
    assert!(times.flatten().sum::<u64>() >= 2, "{said}");
}

#[tokio::test]
async fn a_short_chaos_with_a_coordinator_leaves_nothing_wrong() {
    nothing_is_wrong_after_chaos("orchestrated", "1").await;
}

#[tokio::test]
async fn a_short_chaos_by_reactions_leaves_nothing_wrong() {
    nothing_is_wrong_after_chaos("choreographed", "2").await;
}

#[tokio::test]
async fn what_chaos_does_not_understand_is_told_in_a_sentence() {
    for (args, why) in [
        (["--minutes", "0"], "chaos: `--minutes` is `0`: give a number from 0.1 to 1440"),
        (
            ["--mode", "both of them"],
            "chaos: `--mode` takes `orchestrated`, `choreographed` or `both`",
        ),
        (["--kills", "3"], "chaos: there is no option `--kills`; `--help` lists them"),
    ] {
        let (code, said, figures) = chaos(&args).await;
        assert!(said.starts_with(why) && said.lines().count() == 1, "{said}");
        assert_eq!((code, figures), (Some(2), None));
    }
}
