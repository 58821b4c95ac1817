//! Disks that are full: of Postgres, of Kafka, and of the one file.

use super::{buy, end_of, everybody, ipad, is_decent};
use ballet::clock::rest;
use containers::process::{Process, program};
use containers::servers::{self, Kafka, Postgres};
use containers::shop::{Part, Shop};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// So many customers buy one thing each, which no check minds. The one after them buys all the rest, and
/// more than the limit; the checks may count that before they come to what others wait for.
const FIRST: usize = 15;

/// Orders until the shop says that it is in trouble. What was accepted first is given.
async fn until_full(part: &Part, told: &str) -> Vec<String> {
    let mut accepted = Vec::new();
    for times in 0..400 {
        let customer = format!("c{}", times.min(FIRST) + 1);
        let said = part.ask("POST", "/v1/orders", &ipad(&customer)).await;
        match said.status {
            202 if times < FIRST => {
                accepted.push(said.json()["order_id"].as_str().unwrap().to_owned())
            }
            202 => drop(said),
            _ => assert_eq!(said.status, 503, "{said:?}"),
        }
        let health = part.get("/health").await;
        if health.status == 503 && health.text.contains(told) {
            assert_eq!(part.get("/ready").await.status, 503);
            return accepted;
        }
        rest(Duration::from_millis(50)).await;
    }
    panic!("`{told}` is never said: {}\n{}", part.get("/health").await.text, part.process.said());
}

/// Everything that was accepted comes to its end.
async fn all_end(part: &Part, accepted: &[String]) {
    part.ready().await;
    part.until("/health", |said| said.status == 200).await;
    for order in accepted {
        assert_eq!(end_of(part, order).await, "shipped");
    }
    is_decent(&part.process.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_whose_postgres_has_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    let postgres = Postgres::on_a_small_disk(400 << 20).await;
    let shop = Shop::on("orchestrated", &postgres, Arc::new(Kafka::alone().await)).await;
    let part = shop.start(&everybody("orchestrated")).await;
    part.ready().await;
    let early = buy(&part, "c20").await;
    postgres.fill().await;
    let mut accepted = until_full(&part, "the disk of the database is full: make room").await;
    part.process.says("the disk of the database is full: make room").await;
    postgres.make_room().await;
    accepted.push(early);
    all_end(&part, &accepted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_whose_kafka_has_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    let kafka = Arc::new(Kafka::on_a_small_disk(400 << 20).await);
    let shop = Shop::on("choreographed", servers::postgres().await, kafka).await;
    let part = shop.start(&everybody("choreographed")).await;
    part.ready().await;
    let early = buy(&part, "c20").await;
    shop.kafka().fill().await;
    let mut accepted = until_full(&part, "acknowledged nothing").await;
    part.process.says("Kafka").await;
    shop.kafka().make_room().await;
    accepted.push(early);
    all_end(&part, &accepted).await;
}

/// A folder on a disk of its own, which only the process and its children see.
struct OwnDisk {
    folder: PathBuf,
    process: Option<Part>,
}

impl OwnDisk {
    async fn of(bytes: u64) -> Self {
        let name = servers::own_name(&format!("ballet-disk-{}", std::process::id()));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(folder.join("disk")).unwrap();
        let (disk, program) = (folder.join("disk"), program("orchestrated"));
        let script = format!(
            "mount -t tmpfs -o size={bytes} tmpfs {0} && exec {program} --listen 127.0.0.1:0 --store \
             {0}/shop.db --outside {1}",
            disk.display(),
            folder.join("outside").display()
        );
        // Who is not root may be root among its own.
        let who = ["--mount", "--user", "--map-root-user"];
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|it| owner(&it) == 0);
        let who = if is_root { &who[..1] } else { &who[..] };
        let args: Vec<&str> = who.iter().copied().chain(["sh", "-c", &script]).collect();
        let process = Process::start("unshare", &args, &[]);
        let part = Part::of("everything", process).await;
        Self { folder, process: Some(part) }
    }

    fn part(&self) -> &Part {
        self.process.as_ref().expect("it runs")
    }

    /// What takes the room, as seen from outside.
    fn filler(&self) -> PathBuf {
        let disk = self.folder.join("disk/filler");
        PathBuf::from(format!("/proc/{}/root{}", self.part().process.id(), disk.display()))
    }

    fn fill(&self) {
        let mut filler = std::fs::File::create(self.filler()).unwrap();
        while std::io::Write::write_all(&mut filler, &[0; 4096]).is_ok() {}
    }
}

impl Drop for OwnDisk {
    fn drop(&mut self) {
        self.process = None;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn owner(of: &std::fs::Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(of)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_on_one_file_whose_disk_is_full_says_so_and_goes_on_when_there_is_room() {
    let disk = OwnDisk::of(6 << 20).await;
    disk.part().ready().await;
    let first = buy(disk.part(), "c20").await;
    assert_eq!(end_of(disk.part(), &first).await, "shipped");
    let second = buy(disk.part(), "c19").await;
    disk.fill();
    let mut accepted = until_full(disk.part(), "the disk is full: make room").await;
    disk.part().process.says("the disk is full: make room").await;
    // What is written down is read all the same.
    let said = disk.part().get(&format!("/v1/orders/{first}")).await;
    assert_eq!((said.status, &said.json()["status"]), (200, &"shipped".into()), "{said:?}");
    std::fs::remove_file(disk.filler()).unwrap();
    accepted.push(second);
    all_end(disk.part(), &accepted).await;
}
