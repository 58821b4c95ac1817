//! The wire: who shares no code with us takes part by `docs/reference/wire.md`, and reads every topic.

use crate::trouble::{buy, end_of};
use ballet::Key;
use containers::process::Process;
use containers::shop::{Part, Shop, services};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tokio::task::spawn_blocking;

/// What those need who take part: paths of programs, by name.
struct Tools(BTreeMap<String, String>);

impl Tools {
    async fn new() -> Self {
        let itself = std::env::current_exe().unwrap();
        let folder = itself.ancestors().nth(2).unwrap().join("wire-tools");
        // The first time it waits for the archives of others.
        let mut tools = Command::new(file("tools"));
        tools.arg(folder).stderr(Stdio::inherit());
        let ended = spawn_blocking(move || tools.output()).await.unwrap().expect("it runs");
        assert!(ended.status.success(), "who takes part cannot be started: see above");
        let said = String::from_utf8(ended.stdout).unwrap();
        let pairs = said.lines().filter_map(|line| line.split_once('='));
        Self(pairs.map(|(name, path)| (name.to_owned(), path.to_owned())).collect())
    }

    /// The check for fraud in Python.
    fn participant(&self, shop: &Shop, way: &str, more: &[&str]) -> Process {
        let (program, memory) = (file("participant.py"), shop.folder().join("participant.db"));
        let (bootstrap, memory) = (shop.kafka().bootstrap(), memory.to_str().unwrap().to_owned());
        let args = [program.to_str().unwrap(), way, &bootstrap, &memory];
        let args: Vec<&str> = args.into_iter().chain(more.iter().copied()).collect();
        Process::start(&self.0["python"], &args, &[])
    }

    async fn kcat(&self, shop: &Shop, more: &[&str]) -> String {
        let bootstrap = shop.kafka().bootstrap();
        let args: Vec<&str> = ["-q", "-b", &bootstrap, "-J"].iter().chain(more).copied().collect();
        let mut process = Process::start(&self.0["kcat"], &args, &[]);
        assert_eq!(process.ended().await.code(), Some(0), "{}", process.said());
        process.heard().await
    }

    /// All topics that are not Kafka's own.
    async fn topics(&self, shop: &Shop) -> Vec<String> {
        let told: Value = serde_json::from_str(&self.kcat(shop, &["-L"]).await).unwrap();
        let name = |topic: &Value| topic["topic"].as_str().unwrap().to_owned();
        let names = told["topics"].as_array().unwrap().iter().map(name);
        names.filter(|name| !name.starts_with("__")).collect()
    }

    /// All records of a topic.
    async fn read(&self, shop: &Shop, topic: &str) -> Vec<Record> {
        let said = self.kcat(shop, &["-C", "-t", topic, "-o", "beginning", "-e"]).await;
        said.lines().filter(|line| line.starts_with('{')).map(Record::of).collect()
    }
}

/// A record as `kcat` shows it.
#[derive(Debug)]
struct Record {
    topic: String,
    partition: u64,
    key: String,
    headers: BTreeMap<String, String>,
    body: Value,
}

impl Record {
    fn of(line: &str) -> Self {
        let told: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{line}")).to_owned();
        let headers: Vec<String> = told["headers"].as_array().unwrap().iter().map(text).collect();
        Self {
            topic: text(&told["topic"]),
            partition: told["partition"].as_u64().unwrap(),
            key: text(&told["key"]),
            headers: headers.chunks(2).map(|it| (it[0].clone(), it[1].clone())).collect(),
            body: serde_json::from_str(&text(&told["payload"])).unwrap(),
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("`{name}` is not in {self:?}"))
    }

    /// Whether it is as the page says.
    fn is_as_told(&self, page: &str) {
        for name in self.headers.keys() {
            assert!(page.contains(&format!("`{name}`")), "`{name}` is not on the page: {self:?}");
        }
        assert_eq!(self.header("ce_specversion"), "1.0", "{self:?}");
        for name in ["ce_id", "ce_source", "ce_type", "ce_time", "ce_correlation", "ce_hop"] {
            assert!(!self.header(name).is_empty());
        }
        let kind = match self.topic.rsplit('.').next() {
            Some("commands") => "command",
            Some("replies") => "reply",
            _ => "event",
        };
        assert_eq!(self.headers.get("ce_kind").map_or("event", |kind| kind), kind, "{self:?}");
        if kind == "event" || self.headers.contains_key("content-type") {
            assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        }
        for (name, unsaid) in [("ce_dataversion", "1"), ("ce_round", "0"), ("ce_attempt", "1")] {
            assert_ne!(self.headers.get(name).map(String::as_str), Some(unsaid), "{self:?}");
        }
        if kind != "event" {
            for name in ["ce_saga", "ce_run", "ce_step", "ce_way"] {
                assert!(!self.header(name).is_empty());
            }
        }
        if kind == "reply" {
            let answers = ["done", "refused", "compensated"];
            let is_answer = |body: &str| answers.contains(&body);
            assert!(self.body.as_object().unwrap().keys().all(|key| is_answer(key)), "{self:?}");
        }
        assert_eq!(u64::from(Key::new(&*self.key).partition(2)), self.partition, "{self:?}");
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("wire").join(name)
}

/// Everybody but the check for fraud, in one process.
async fn all_but_fraud(example: &'static str) -> (Shop, Part) {
    let shop = Shop::of(example).await;
    let others = services(example).into_iter().filter(|service| *service != "fraud");
    let part = shop.start(&others.collect::<Vec<_>>().join(",")).await;
    part.ready().await;
    (shop, part)
}

/// Every record of every topic is as the page says; all of them are given.
async fn read_all(tools: &Tools, shop: &Shop) -> Vec<Record> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/wire.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut all = Vec::new();
    for topic in tools.topics(shop).await {
        let records = tools.read(shop, &topic).await;
        assert!(!topic.ends_with(".lanes") || records.is_empty(), "{topic}: {records:?}");
        records.iter().for_each(|record| record.is_as_told(&page));
        all.extend(records);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_participant_in_python_answers_a_step_and_dies_in_the_middle_of_it() {
    let tools = Tools::new().await;
    let (shop, part) = all_but_fraud("orchestrated").await;
    let mut dying = tools.participant(&shop, "asked", &["--die-at", "remembered"]);
    dying.says("reads fraud.commands").await;
    let order = buy(&part, "c1").await;
    assert_eq!(dying.ended().await.code(), None, "{}", dying.said());
    let participant = tools.participant(&shop, "asked", &[]);
    assert_eq!(end_of(&part, &order).await, "shipped");
    // The second one of the same customer is too much, and is taken back.
    let too_much = buy(&part, "c1").await;
    assert_eq!(end_of(&part, &too_much).await, "invalid");
    participant.says("\"refused\"").await;

    let all = read_all(&tools, &shop).await;
    let replies =
        all.iter().filter(|it| it.topic == "purchase.replies" && it.header("ce_source") == "fraud");
    let said: Vec<_> = replies.map(|it| (it.key.as_str(), it.body.to_string())).collect();
    assert!(
        said.contains(&(&order, r#"{"done":{"window_total_minor":109900}}"#.to_owned())),
        "{said:?}"
    );
    let no = said.iter().find(|(run, _)| *run == too_much).expect("it is answered");
    assert!(no.1.contains("failed_fraud"), "{no:?}");
    for topic in ["fraud.commands", "shop.orders.v1", "shop.payments.v1"] {
        assert!(all.iter().any(|it| it.topic == topic), "nothing is read from {topic}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_validator_in_python_says_the_same_twice_and_is_heard_once() {
    let tools = Tools::new().await;
    let (shop, part) = all_but_fraud("choreographed").await;
    let mut dying = tools.participant(&shop, "reacts", &["--die-at", "sent"]);
    dying.says("reads shop.orders.v1").await;
    let order = buy(&part, "c1").await;
    assert_eq!(dying.ended().await.code(), None, "{}", dying.said());
    let participant = tools.participant(&shop, "reacts", &[]);
    participant.says(&format!("said order.checked of {order}")).await;
    assert_eq!(end_of(&part, &order).await, "shipped");

    let all = read_all(&tools, &shop).await;
    let is_ours = |it: &&Record| it.header("ce_source") == "fraud" && it.key == order;
    let said: Vec<&Record> = all.iter().filter(is_ours).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[0].header("ce_id"), said[1].header("ce_id"));
    assert_eq!(
        (&said[0].body["check"], &said[0].body["verdict"]),
        (&"fraud".into(), &"pass".into())
    );
    let valid =
        all.iter().filter(|it| it.header("ce_type") == "order.validated" && it.key == order);
    assert_eq!(valid.count(), 1);
}
