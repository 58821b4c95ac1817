//! A shop of processes.

use crate::process::{Process, program};
use crate::servers::{self, Database, own_name};
use ballet::clock::rest;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

/// Longer than anything takes that comes to an end at all.
const LONG: Duration = Duration::from_secs(60);

/// What `ballet` did and said.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) said: String,
}

/// Runs `ballet` with these arguments until it ends.
pub(super) async fn ballet(args: &[&str]) -> Ran {
    let mut process = Process::start(program("ballet"), args, &[]);
    let code = process.ended().await.code();
    Ran { code, said: process.heard().await }
}

/// Everybody of an example, by the names that `--service` takes.
pub(super) fn services(example: &str) -> Vec<&'static str> {
    let players: Vec<_> = match example {
        "orchestrated" => orchestrated::CAST.iter().collect(),
        _ => choreographed::CAST.iter().chain(choreographed::BESIDE).collect(),
    };
    players.into_iter().map(|player| player.name).collect()
}

/// A database with a schema and a role for each service, made by `ballet migrate`.
pub(super) async fn migrated(services: &[&str]) -> Database {
    let database = servers::postgres().await.database("shop").await;
    for service in services {
        database.role(&service.replace('-', "_")).await;
    }
    let (names, role) = (services.join(","), database.role_named("{service}"));
    let owner = database.owner_url();
    let asked = ["migrate", "--store", &owner, "--service", &names, "--app-role", &role];
    for done in ["was brought up to date by 1 migration", "is up to date"] {
        let ran = ballet(&asked).await;
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        let schemas: Vec<&str> = ran.said.lines().collect();
        assert_eq!(schemas.len(), services.len(), "{}", ran.said);
        assert!(schemas.iter().all(|line| line.contains(done)), "{}", ran.said);
    }
    database
}

/// The URL under which each service enters its own schema.
pub(super) fn store(database: &Database) -> String {
    let at = database.superuser_url();
    at.replacen("postgres:secret@", &format!("{}:secret@", database.role_named("{service}")), 1)
}

/// A process of a shop.
pub(super) struct Part {
    pub(super) process: Process,
    pub(super) at: SocketAddr,
    pub(super) service: String,
}

/// What all processes of a shop have in common.
pub(super) struct Shop {
    example: &'static str,
    database: Database,
    folder: PathBuf,
}

impl Shop {
    pub(super) async fn of(example: &'static str) -> Self {
        let name = own_name(&format!("ballet-processes-{}", std::process::id()));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self { example, database: migrated(&services(example)).await, folder }
    }

    /// Starts a process of these services, without waiting for it.
    pub(super) async fn begin(&self, service: &str, kafka: &servers::Kafka) -> Process {
        let (store, broker) = (store(&self.database), format!("kafka://{}", kafka.bootstrap()));
        let outside = self.folder.join("outside");
        let args = ["--listen", "127.0.0.1:0", "--service", service, "--lanes", "2"];
        let variables = [
            ("SHOP_STORE", &*store),
            ("SHOP_BROKER", &*broker),
            ("SHOP_OUTSIDE", outside.to_str().unwrap()),
        ];
        Process::start(program(self.example), &args, &variables)
    }

    /// Starts every service as a process, and waits until all are ready: who has never run begins with what
    /// is said from then on.
    pub(super) async fn all(&self, kafka: &servers::Kafka) -> Vec<Part> {
        let mut starting = Vec::new();
        for service in services(self.example) {
            starting.push((service, self.begin(service, kafka).await));
        }
        let mut parts = Vec::new();
        for (service, process) in starting {
            let line = process.says(": http://").await;
            let (_, rest) = line.split_once(": http://").unwrap();
            let at = rest.split(',').next().unwrap().parse().unwrap();
            parts.push(Part { process, at, service: service.to_owned() });
        }
        for part in &parts {
            part.until("/ready", |said| said.status == 200).await;
        }
        parts
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Said {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl Part {
    pub(super) async fn get(&self, path: &str) -> Said {
        self.ask("GET", path, "").await
    }

    pub(super) async fn ask(&self, method: &str, path: &str, body: &str) -> Said {
        let (at, length) = (self.at, body.len());
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nContent-Length: \
             {length}\r\n\r\n{body}"
        );
        tokio::task::spawn_blocking(move || talk(at, &text)).await.unwrap()
    }

    /// Looks again and again, until it is as wanted.
    pub(super) async fn until(&self, path: &str, is_so: impl Fn(&Said) -> bool) -> Said {
        let looking = async {
            loop {
                let said = self.get(path).await;
                if is_so(&said) {
                    return said;
                }
                rest(Duration::from_millis(100)).await;
            }
        };
        let looked = tokio::time::timeout(LONG, looking).await;
        looked.unwrap_or_else(|_| {
            panic!("{path} of {} is never as it should be: {}", self.service, self.process.said())
        })
    }
}

fn talk(at: SocketAddr, text: &str) -> Said {
    let mut wire = TcpStream::connect(at).unwrap();
    wire.set_read_timeout(Some(LONG + LONG)).unwrap();
    wire.write_all(text.as_bytes()).unwrap();
    let mut said = String::new();
    wire.read_to_string(&mut said).unwrap();
    let (head, text) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {said}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Said { status, text: text.to_owned() }
}
