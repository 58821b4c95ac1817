//! A shop of processes: one or more for each service, over a Postgres and a Kafka, asked over HTTP.

use crate::process::{Process, program};
use crate::servers::{self, Database, Kafka, Postgres, own_name};
use crate::witness;
use ::shop::http::schema_of;
use ::shop::settings::Settings;
use ballet::clock::rest;
use ballet::postgres::Config;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything takes that comes to an end at all.
const LONG: Duration = Duration::from_secs(180);
/// How many lanes every service has, unless it is said otherwise.
const LANES: u32 = 2;
/// The schema of the log of a shop that has no Kafka.
pub const LOG: &str = "log";

/// What `ballet` did and said.
pub struct Ran {
    /// With which status it ended.
    pub code: Option<i32>,
    /// On both outputs.
    pub said: String,
}

/// Runs `ballet` with these arguments until it ends.
pub async fn ballet(args: &[&str]) -> Ran {
    let mut process = Process::start(&program("ballet"), args, &[]);
    let code = process.ended().await.code();
    Ran { code, said: process.heard().await }
}

/// Everybody of an example, by the names that `--service` takes.
pub fn services(example: &str) -> Vec<&'static str> {
    let players: Vec<_> = match example {
        "orchestrated" => orchestrated::CAST.iter().collect(),
        _ => choreographed::CAST.iter().chain(choreographed::BESIDE).collect(),
    };
    players.into_iter().map(|player| player.name).collect()
}

/// A database with a schema and a role for each service, made by `ballet migrate`.
pub async fn migrated(postgres: &Postgres, services: &[&str]) -> Database {
    let database = postgres.database("shop").await;
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

/// Makes the log of a shop that has no Kafka, in a database that has its schemas, by `ballet migrate`.
pub async fn log_in(database: &Database, services: &[&str]) {
    let (names, role) = (services.join(","), database.role_named("{service}"));
    let owner = database.owner_url();
    let asked = ["migrate", "--store", &owner, "--service", &names, "--app-role", &role];
    let ran = ballet(&[&asked[..], &["--log", LOG]].concat()).await;
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    let of_log = ran.said.lines().filter(|line| line.starts_with("log `log`")).count();
    assert_eq!(of_log, services.len(), "{}", ran.said);
}

/// The URL under which each service enters its own schema.
pub fn store(database: &Database) -> String {
    let at = database.superuser_url();
    at.replacen("postgres:secret@", &format!("{}:secret@", database.role_named("{service}")), 1)
}

/// The settings of a process with these variables: what it is not told it has from us.
fn settings(variables: &[(String, String)]) -> Settings {
    let told = |name: &str| variables.iter().rev().find(|(told, _)| told == name);
    let variable = |name: &str| match told(name) {
        Some((_, value)) => Some(value.clone()),
        None => std::env::var(name).ok(),
    };
    Settings::read(variable).unwrap_or_else(|why| panic!("{why}"))
}

/// A process of a shop.
pub struct Part {
    pub process: Process,
    /// Where it listens.
    pub at: SocketAddr,
    /// What it serves.
    pub service: String,
}

/// What all processes of a shop have in common.
pub struct Shop {
    example: &'static str,
    database: Database,
    /// `None` if the messages are in the database too.
    kafka: Option<Arc<Kafka>>,
    folder: PathBuf,
    lanes: u32,
    variables: Vec<(String, String)>,
}

impl Shop {
    /// A new shop, on a Kafka of its own.
    pub async fn of(example: &'static str) -> Self {
        Self::on(example, servers::postgres().await, Arc::new(Kafka::alone().await)).await
    }

    /// A new shop in a new database of this Postgres. No other shop may be on the same Kafka: the topics
    /// have the same names.
    pub async fn on(example: &'static str, postgres: &Postgres, kafka: Arc<Kafka>) -> Self {
        Self::within(example, migrated(postgres, &services(example)).await, Some(kafka))
    }

    /// A new shop in a new database of this Postgres, and nowhere else.
    pub async fn without_kafka(example: &'static str, postgres: &Postgres) -> Self {
        let services = services(example);
        let database = migrated(postgres, &services).await;
        log_in(&database, &services).await;
        Self::within(example, database, None)
    }

    /// A shop in a database that has a schema for each service, and nothing in it; without a Kafka it has a
    /// log besides.
    pub fn within(example: &'static str, database: Database, kafka: Option<Arc<Kafka>>) -> Self {
        let name = own_name(&format!("ballet-processes-{}", std::process::id()));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self { example, database, kafka, folder, lanes: LANES, variables: Vec::new() }
    }

    /// The same with so many lanes for every service; before the first process is begun.
    #[must_use]
    pub fn with_lanes(mut self, lanes: u32) -> Self {
        self.lanes = lanes;
        self
    }

    /// The same with a variable in the environment of all processes that are begun from now on.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.variables.push((name.to_owned(), value.to_string()));
        self
    }

    /// Has the database write down what is committed in it; before the first process is begun.
    pub async fn watched(&self) {
        let schemas: Vec<String> = services(self.example).into_iter().map(schema_of).collect();
        witness::watch(&self.database, &schemas).await;
    }

    /// The settings of its processes, as they read them themselves.
    pub fn settings(&self) -> Settings {
        settings(&self.variables)
    }

    /// The example that its processes run.
    pub fn example(&self) -> &'static str {
        self.example
    }

    /// The database, with a schema for each service.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The Kafka of this shop alone.
    pub fn kafka(&self) -> &Kafka {
        self.kafka.as_ref().expect("this shop has a Kafka")
    }

    /// Whether there is one: otherwise the messages are in the database too.
    pub fn has_kafka(&self) -> bool {
        self.kafka.is_some()
    }

    /// How many lanes every service has.
    pub fn lanes(&self) -> u32 {
        self.lanes
    }

    /// The schema of a service, entered as that service.
    pub fn schema(&self, service: &str) -> Config {
        let schema = schema_of(service);
        let url = store(&self.database).replace("{service}", &schema);
        let config = Config::new(&url, &schema).unwrap();
        if self.has_kafka() { config } else { config.with_log(LOG).unwrap() }
    }

    /// The file beside which everybody outside keeps their books.
    pub fn outside(&self) -> PathBuf {
        self.folder.join("outside")
    }

    /// A folder that goes with the shop.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a process of these services, without waiting for it.
    pub fn begin(&self, service: &str) -> Process {
        self.begin_with(service, &[])
    }

    /// The same with variables of its own: they count more than those of the shop.
    pub fn begin_with(&self, service: &str, more: &[(&str, &str)]) -> Process {
        let broker = match &self.kafka {
            Some(kafka) => format!("kafka://{}", kafka.bootstrap()),
            None => "postgres".to_owned(),
        };
        let (store, outside, lanes) =
            (store(&self.database), self.outside(), self.lanes.to_string());
        let usual = [
            ("SHOP_LISTEN", "127.0.0.1:0"),
            ("SHOP_STORE", &*store),
            ("SHOP_BROKER", &*broker),
            ("SHOP_LANES", &*lanes),
            ("SHOP_OUTSIDE", outside.to_str().unwrap()),
        ];
        let own = self.variables.iter().map(|(name, value)| (&**name, &**value));
        let variables: Vec<_> = usual.into_iter().chain(own).chain(more.iter().copied()).collect();
        Process::start(&program(self.example), &["--service", service], &variables)
    }

    /// Starts a process of these services, and waits until it listens.
    pub async fn start(&self, service: &str) -> Part {
        Part::of(service, self.begin(service)).await
    }

    /// Starts every service as a process, and waits until all are ready: who has never run begins with what
    /// is said from then on.
    pub async fn all(&self) -> Vec<Part> {
        let begin = |service| (service, self.begin(service));
        let starting: Vec<_> = services(self.example).into_iter().map(begin).collect();
        let mut parts = Vec::new();
        for (service, process) in starting {
            parts.push(Part::of(service, process).await);
        }
        for part in &parts {
            part.ready().await;
        }
        parts
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// What stands before the address at which a process listens.
const LISTENS: &str = ": http://";

fn address(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once(LISTENS).unwrap();
    rest.split(',').next().unwrap().parse().unwrap()
}

/// What was answered.
#[derive(Debug)]
pub struct Said {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub text: String,
}

impl Said {
    /// Its body, which is JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl Part {
    /// Waits until a process that was begun says where it listens.
    pub async fn of(service: &str, process: Process) -> Self {
        let line = process.says(LISTENS).await;
        Self { at: address(&line), process, service: service.to_owned() }
    }

    /// The same; what was begun if it ends before, as when a server that it needs is not there yet.
    pub async fn or_ends(service: &str, process: Process) -> Result<Self, Process> {
        match process.says_or_ends(LISTENS).await {
            Some(line) => Ok(Self { at: address(&line), process, service: service.to_owned() }),
            None => Err(process),
        }
    }

    /// Waits until it is ready for work.
    pub async fn ready(&self) {
        self.until("/ready", |said| said.status == 200).await;
    }

    /// What it answers.
    pub async fn get(&self, path: &str) -> Said {
        self.ask("GET", path, "").await
    }

    /// What it answers to this.
    pub async fn ask(&self, method: &str, path: &str, body: &str) -> Said {
        self.try_ask(method, path, &[], body).await.unwrap()
    }

    /// What it answers to this, with these headers; an error if it is not there, or dies meanwhile.
    pub async fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Said> {
        ask(self.at, method, path, headers, body).await
    }

    /// Looks again and again, until it is as wanted.
    pub async fn until(&self, path: &str, is_so: impl Fn(&Said) -> bool) -> Said {
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

/// What whoever listens there answers; an error if it is nobody, or they end in the middle of it.
pub async fn ask(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Said> {
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n{headers}Content-Length: \
         {}\r\n\r\n{body}",
        body.len()
    );
    let talking = tokio::task::spawn_blocking(move || talk(at, &text));
    talking.await.expect("it does not panic")
}

fn talk(at: SocketAddr, text: &str) -> io::Result<Said> {
    let mut wire = TcpStream::connect(at)?;
    wire.set_read_timeout(Some(LONG + LONG))?;
    wire.write_all(text.as_bytes())?;
    let mut said = String::new();
    wire.read_to_string(&mut said)?;
    let no_answer = || io::Error::new(io::ErrorKind::UnexpectedEof, format!("no answer: {said}"));
    let (head, text) = said.split_once("\r\n\r\n").ok_or_else(no_answer)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Said { status: status.ok_or_else(no_answer)?, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::settings;
    use std::time::Duration;

    #[test]
    fn the_settings_of_a_shop_are_what_its_processes_were_told_last() {
        let told = [("SHOP_VALIDATION_WAIT_MS", "7"), ("X", "x"), ("SHOP_VALIDATION_WAIT_MS", "9")];
        let told = told.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(settings(&told).validation_wait, Duration::from_millis(9));
        assert_eq!(settings(&[]).validation_wait, Duration::from_secs(300));
    }
}
