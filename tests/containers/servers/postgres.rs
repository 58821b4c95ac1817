//! Postgres in a container.

use super::container::{Container, HOST};
use super::disk::{DISK, emptied, filled, small_disk};
use super::images::image;
use super::{free_port, own_name, runtime};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor};
use std::net::{Ipv4Addr, SocketAddr};
use testcontainers::{GenericImage, ImageExt};

/// Everybody's, and of no worth: it listens on this machine only, and lives for minutes.
const PASSWORD: &str = "secret";

/// A running Postgres.
pub struct Postgres {
    container: Container,
    at: SocketAddr,
}

impl Postgres {
    /// One that is nobody else's, for tests that do harm to it.
    pub async fn alone() -> Self {
        Self::made(None).await
    }

    /// One of its own on a disk of so many bytes, which [`Self::fill`] fills. What it has stored goes when
    /// it ends.
    pub async fn on_a_small_disk(bytes: i64) -> Self {
        Self::made(Some(bytes)).await
    }

    /// One of its own that listens on this machine's network itself, for measurements: what forwards ports takes a
    /// good part of a core. It has the memory and the room for its log that somebody would give it.
    pub async fn on_the_host() -> Self {
        let (name, tag) = image("BALLET_TESTS_POSTGRES_IMAGE").await;
        let port = free_port();
        let settings = ["shared_preload_libraries=pg_stat_statements", "max_connections=400"];
        let sizes = ["shared_buffers=1GB", "max_wal_size=4GB"];
        let settings = settings.iter().chain(&sizes).map(|setting| format!("-c{setting}"));
        let request = GenericImage::new(name, tag)
            .with_env_var("POSTGRES_PASSWORD", PASSWORD)
            .with_cmd(settings.chain([format!("-cport={port}")]))
            .with_shm_size(256 << 20)
            .with_network(HOST);
        let container = Container::start_new(request, &[]).await;
        let postgres = Self { container, at: (Ipv4Addr::LOCALHOST, port).into() };
        postgres.answers().await;
        postgres
    }

    async fn made(disk: Option<i64>) -> Self {
        let (name, tag) = image("BALLET_TESTS_POSTGRES_IMAGE").await;
        let port = free_port();
        let mut request = GenericImage::new(name, tag)
            .with_env_var("POSTGRES_PASSWORD", PASSWORD)
            .with_cmd(["-cshared_preload_libraries=pg_stat_statements", "-cmax_connections=800"])
            .with_shm_size(256 << 20);
        if let Some(bytes) = disk {
            request = request.with_mount(small_disk(bytes));
            request = request.with_env_var("PGDATA", format!("{DISK}/cluster"));
        }
        let container = Container::start_new(request, &[(port, 5432)]).await;
        let postgres = Self { container, at: (Ipv4Addr::LOCALHOST, port).into() };
        postgres.answers().await;
        postgres
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.at
    }

    /// As its owner, who may do everything.
    pub fn owner_url(&self) -> String {
        self.url("postgres", "postgres")
    }

    /// As some role, in some database.
    pub fn url(&self, role: &str, database: &str) -> String {
        url(self.at, role, database)
    }

    /// A new database that nobody else uses. The server counts its statements.
    pub async fn database(&self, name: &str) -> Database {
        let name = own_name(name);
        let database = Database { at: self.at, roles: name.clone(), name };
        let owner = database.role_named("owner");
        let create = [
            format!("create role {owner} login password '{PASSWORD}'"),
            format!("create database {} owner {owner}", database.name),
            format!("revoke all on database {} from public", database.name),
        ];
        execute(self.owner_url(), create.to_vec()).await;
        let count = "create extension pg_stat_statements".to_owned();
        execute(self.url("postgres", &database.name), vec![count]).await;
        database
    }

    /// Leaves no room on its disk.
    pub async fn fill(&self) {
        self.container.run(filled()).await;
    }

    /// Gives the room back that [`Self::fill`] took.
    pub async fn make_room(&self) {
        self.container.run(emptied()).await;
    }

    /// From now on it speaks TLS with whoever wants to, with this certificate and its key.
    pub async fn speak_tls(&self, certificate: &str, key: &str) {
        let script = format!(
            "cd \"$PGDATA\" && umask 077 && echo '{certificate}' >server.crt && echo '{key}' >server.key \
             && chown --reference=. server.crt server.key"
        );
        self.container.run(script).await;
        // It cannot be set in a transaction.
        execute(self.owner_url(), vec!["alter system set ssl = on".to_owned()]).await;
        execute(self.owner_url(), vec!["select pg_reload_conf()".to_owned()]).await;
    }

    /// Ends it at once, as `kill -9` of all its processes.
    pub async fn kill(&self) {
        self.container.kill().await;
    }

    /// Ends it in order.
    pub async fn stop(&self) {
        self.container.stop().await;
    }

    /// Starts it again, and waits until it answers.
    pub async fn start(&self) {
        self.container.start().await;
        self.answers().await;
    }

    /// It keeps its connections and answers nobody.
    pub async fn freeze(&self) {
        self.container.freeze().await;
    }

    /// It goes on where it was frozen.
    pub async fn thaw(&self) {
        self.container.thaw().await;
    }

    async fn answers(&self) {
        let url = self.owner_url();
        let ask = move || {
            let url = url.clone();
            async move {
                let connection = PgConnection::connect(&url).await;
                let closed = connection.map_err(|error| error.to_string())?.close().await;
                closed.map_err(|error| error.to_string())
            }
        };
        self.container.answers(ask).await;
    }
}

/// A database of one test. It goes with its server.
pub struct Database {
    at: SocketAddr,
    name: String,
    /// With what the names of its roles begin.
    roles: String,
}

impl Database {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As the owner of the whole server.
    pub fn superuser_url(&self) -> String {
        url(self.at, "postgres", &self.name)
    }

    /// As the owner of this database, who may make schemas and tables and grant rights to them.
    pub fn owner_url(&self) -> String {
        url(self.at, &self.role_named("owner"), &self.name)
    }

    /// A new role that may connect to this database, and nothing else. Its name is made from `role`,
    /// see [`Self::role_named`].
    pub async fn role(&self, role: &str) -> String {
        let role = self.role_named(role);
        let create = [
            format!("create role {role} login password '{PASSWORD}'"),
            format!("grant connect on database {} to {role}", self.name),
        ];
        execute(self.superuser_url(), create.to_vec()).await;
        url(self.at, &role, &self.name)
    }

    /// What a role of this database is called: roles belong to the server, so they need names that
    /// no other test has.
    pub fn role_named(&self, role: &str) -> String {
        format!("{}_{role}", self.roles)
    }

    /// The same database at another address, as through a proxy.
    pub fn through(&self, at: SocketAddr) -> Self {
        Self { at, name: self.name.clone(), roles: self.roles.clone() }
    }

    /// Another one with all that is in this one, for the same roles. Nobody may be connected to this one.
    pub async fn copied(&self) -> Self {
        let copy = Self { name: own_name(&self.name), ..self.through(self.at) };
        let create = format!("create database {} template {}", copy.name, self.name);
        execute(url(self.at, "postgres", "postgres"), vec![create]).await;
        copy
    }

    /// Removes it, whoever is connected.
    pub async fn removed(self) {
        let remove = format!("drop database {} with (force)", self.name);
        execute(url(self.at, "postgres", "postgres"), vec![remove]).await;
    }
}

fn url(at: SocketAddr, role: &str, database: &str) -> String {
    format!("postgres://{role}:{PASSWORD}@{at}/{database}")
}

async fn execute(url: String, statements: Vec<String>) {
    let executed = async move {
        let mut connection = PgConnection::connect(&url).await?;
        for statement in statements {
            connection.execute(AssertSqlSafe(statement)).await?;
        }
        connection.close().await
    };
    let executed = runtime().spawn(executed).await.expect("it does not panic");
    executed.unwrap_or_else(|error: sqlx::Error| panic!("Postgres refuses: {error}"));
}
