//! `cargo run`, as somebody at a terminal sees it.

use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A report of its own, taken away at the end.
struct Report(PathBuf);

impl Report {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("compare-{}-{count}.html", std::process::id())))
    }

    /// Runs it with these options, and with this on its standard input.
    fn of(&self, options: &str, input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_compare"));
        command.args(options.split_whitespace()).arg("--report").arg(&self.0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What became of the purchases, one way after the other: completed, compensated, and by whom.
fn counts(output: &Output) -> Vec<String> {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let figures = all["figures"].as_array().unwrap();
    let of = |one: &Value| {
        assert_eq!(one["breaches"], Value::Array(Vec::new()), "the auditor finds nothing");
        format!("{} {} {}", one["completed"], one["compensated"], one["refused"])
    };
    figures.iter().map(of).collect()
}

#[test]
fn the_same_seed_comes_to_the_same_ends_in_both_modes_and_every_time() {
    let report = Report::new();
    let first = counts(&report.of("--purchases 60 --seed 1 --json", ""));
    assert_eq!(first.len(), 2);
    assert_eq!(first[0], first[1], "both ways");
    for reason in ["details", "fraud", "payments: declined", "shipping: undeliverable"] {
        assert!(first[0].contains(reason), "no `{reason}` among {}", first[0]);
    }
    let again = counts(&report.of("--purchases 60 --seed 1 --json --mode choreographed", ""));
    assert_eq!(again, first[1..]);
}

#[test]
fn purchases_are_told_counted_audited_and_drawn() {
    let report = Report::new();
    let output = report.of("--purchases 30 --seed 1", "");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    for part in [
        "A purchase that completes",
        "A purchase that is taken back",
        "hops from the order to the parcel",
        "latency under load, p95",
        "orchestrated: the auditor finds nothing wrong",
        "choreographed: the auditor finds nothing wrong",
    ] {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
    let is_both = |line: &str| line.matches("order.created").count() == 2;
    assert_eq!(said.lines().filter(|line| is_both(line)).count(), 2, "side by side:\n{said}");
    assert!(said.trim_end().ends_with(report.0.to_str().unwrap()), "{said}");
    let page = std::fs::read_to_string(&report.0).unwrap();
    assert!(page.contains("<svg"));
    for elsewhere in ["http:", "https:", "src=", "<link", "@import"] {
        assert!(!page.contains(elsewhere), "the page asks for something by `{elsewhere}`");
    }
}

#[test]
fn bad_lines_are_told_and_the_others_are_bought() {
    let report = Report::new();
    let good = r#"{"customer_id":"c1","lines":[{"sku":"ipad","qty":1,"unit_price_minor":109900}],"total_minor":109900,"currency":"USD"}"#;
    let output = report.of("--orders - --json", &format!("{good}\nnonsense\n{good}\n"));
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains("not an order: line 2: the body is not JSON"), "{told}");
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let heads = all["stories"].as_array().unwrap().iter().map(|story| story["head"].to_string());
    assert!(heads.clone().any(|head| head.contains("completes")));
    assert!(heads.clone().any(|head| head.contains("is taken back, for a check has failed")));
    for one in all["figures"].as_array().unwrap() {
        // Two iPads in an hour are more than a customer may try to buy.
        assert_eq!((&one["completed"], &one["compensated"]), (&1.into(), &1.into()), "{one}");
    }
}

#[test]
fn what_it_cannot_do_it_says_in_a_sentence() {
    let report = Report::new();
    for (options, status) in
        [("--colour", 2), ("--purchases 0", 2), ("--orders nowhere", 1), ("--orders .", 1)]
    {
        let output = report.of(options, "");
        assert_eq!(output.status.code(), Some(status), "{options}");
        assert_eq!(text(&output.stderr).lines().count(), 1, "{options}");
    }
}
