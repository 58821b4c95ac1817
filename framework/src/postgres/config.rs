//! Which database, which schema in it, and how patient to be.

use crate::error::{Error, ErrorKind};
use crate::postgres::Postgres;
use crate::postgres::log::Tails;
use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// How many statements a connection keeps prepared: some per set of kinds that occurs in a batch.
const PREPARED: usize = 512;

/// How patient to be if nobody says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest name that Postgres does not cut.
const LONGEST_NAME: usize = 63;

/// Which database a store is in, and how it is used.
///
/// ```
/// use ballet::postgres::Config;
///
/// # fn main() -> Result<(), ballet::Error> {
/// let config = Config::new("postgres://orders_app:secret@localhost/shop", "orders")?;
/// assert_eq!(format!("{config:?}"), "schema `orders` of database `shop` at localhost:5432, as `orders_app`");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Config {
    pub(super) options: PgConnectOptions,
    pub(super) schema: String,
    pub(super) lanes: usize,
    pub(super) clients: usize,
    pub(super) patience: Duration,
    /// The schema of the log, if it is in this database.
    pub(super) log: Option<String>,
    /// What this process knows of that log, if another store of it has it open already.
    pub(super) tails: Option<Arc<Tails>>,
}

impl Config {
    /// The schema of this name in the database of this URL, as
    /// `postgres://role:password@host:port/database?sslmode=verify-full`. With `patience-ms=` and a number of
    /// milliseconds it says how [patient](Self::patience) to be, too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Definition`] if this is no URL of a Postgres database, or no name that a schema may
    /// have without quotes.
    pub fn new(url: &str, schema: &str) -> Result<Self, Error> {
        let (url, patience) = patient(url)?;
        let url = url.as_str();
        let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let options = is_postgres.then(|| PgConnectOptions::from_str(url)).and_then(Result::ok);
        let Some(options) = options else { return Err(no_url()) };
        Ok(Self {
            options: options
                .application_name(&format!("ballet {schema}"))
                .statement_cache_capacity(PREPARED),
            schema: name(schema, "schema")?,
            lanes: 8,
            clients: 4,
            patience: patience.unwrap_or(PATIENCE),
            log: None,
            tails: None,
        })
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// How many connections the lanes of this process share, and how many its clients do. Lanes that find
    /// none free wait for one another, and so do clients.
    #[must_use]
    pub fn connections(mut self, lanes: usize, clients: usize) -> Self {
        (self.lanes, self.clients) = (lanes.max(1), clients.max(1));
        self
    }

    /// The log of messages is in this schema of the same database, so that no other broker is needed: what
    /// a batch says is appended in its transaction. All services that speak to each other name the same
    /// schema; it may be that of one of them.
    ///
    /// ```
    /// use ballet::postgres::Config;
    ///
    /// # fn main() -> Result<(), ballet::Error> {
    /// let config = Config::new("postgres://orders_app:secret@localhost/shop", "orders")?;
    /// let config = config.with_log("shop_log")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Definition`] if a schema may not have this name without quotes.
    pub fn with_log(mut self, schema: &str) -> Result<Self, Error> {
        self.log = Some(name(schema, "schema")?);
        Ok(self)
    }

    /// The log of messages is that of another store that this process has open: what either appends, the
    /// readers of the other are handed from memory. Stores of one process that name the same log by
    /// [`with_log`](Self::with_log) alone look into the database for what the others say.
    ///
    /// ```no_run
    /// use ballet::postgres::{Config, Postgres};
    ///
    /// # async fn open() -> Result<(), ballet::Error> {
    /// let url = "postgres://shop:secret@localhost/shop";
    /// let orders = Postgres::connect(Config::new(url, "orders")?.with_log("shop_log")?).await?;
    /// let stock = Postgres::connect(Config::new(url, "stock")?.with_log_of(&orders)?).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Definition`] if that store has no log, or is in another database.
    pub fn with_log_of(mut self, store: &Postgres) -> Result<Self, Error> {
        let (Some(name), Some(log)) = (&store.config.log, &store.log) else {
            let text = format!("{:?} has no log: open it with one", store.config);
            return Err(Error::new(ErrorKind::Definition, text));
        };
        if self.place() != store.config.place() {
            let (here, there) = (self.place(), store.config.place());
            let text = format!("a store in {here} cannot share the log of one in {there}");
            return Err(Error::new(ErrorKind::Definition, text));
        }
        (self.log, self.tails) = (Some(name.clone()), Some(Arc::clone(&log.tails)));
        Ok(self)
    }

    /// Where tables are looked for.
    pub(super) fn search_path(&self) -> String {
        match &self.log {
            Some(log) if *log != self.schema => format!("{}, {log}", self.schema),
            _ => self.schema.clone(),
        }
    }

    /// How long a statement may take, a connection may be waited for, and a server that does not answer
    /// may be tried again when the store is opened. The server itself ends the transaction of a process
    /// that rests in it for half as long, so that who is frozen holds no locks for ever.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Where the database is, without what is secret.
    pub(super) fn place(&self) -> String {
        let options = &self.options;
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        format!("database `{}` at {host}", self.database())
    }

    pub(super) fn database(&self) -> &str {
        self.options.get_database().unwrap_or_else(|| self.role())
    }

    pub(super) fn role(&self) -> &str {
        self.options.get_username()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "schema `{}` of {}, as `{}`", self.schema, self.place(), self.role())
    }
}

/// The URL without the one option that is ours, and what that says.
fn patient(url: &str) -> Result<(String, Option<Duration>), Error> {
    let (place, options) = url.split_once('?').unwrap_or((url, ""));
    let ours = |option: &&str| option.starts_with("patience-ms=");
    let (mine, rest): (Vec<&str>, Vec<&str>) =
        options.split('&').filter(|option| !option.is_empty()).partition(ours);
    let Some(said) = mine.last() else { return Ok((url.to_owned(), None)) };
    let millis = said.trim_start_matches("patience-ms=").parse().map_err(|_| no_patience())?;
    let rest = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Ok((format!("{place}{rest}"), Some(Duration::from_millis(millis))))
}

fn no_patience() -> Error {
    Error::new(
        ErrorKind::Definition,
        "`patience-ms` in the URL of Postgres is a number of milliseconds",
    )
}

fn no_url() -> Error {
    let text = "this is no URL of a Postgres database: write \
                `postgres://role:password@host:port/database`";
    Error::new(ErrorKind::Definition, text)
}

/// A name that needs no quotes, and therefore cannot end them.
pub(super) fn name(name: &str, of: &str) -> Result<String, Error> {
    let begins = |c: char| c.is_ascii_lowercase() || c == '_';
    let goes_on = |c: char| begins(c) || c.is_ascii_digit();
    let is_name = name.starts_with(begins) && name.chars().all(goes_on);
    if is_name && name.len() <= LONGEST_NAME && !name.starts_with("pg_") {
        return Ok(name.to_owned());
    }
    let text = format!(
        "`{name}` is no name for a {of}: take small letters, digits and `_`, at most {LONGEST_NAME} of \
         them, and not `pg_` at the beginning"
    );
    Err(Error::new(ErrorKind::Definition, text))
}

#[cfg(test)]
mod tests {
    use super::{Config, name};
    use crate::error::ErrorKind;

    #[test]
    fn a_password_is_not_shown() {
        let config = Config::new("postgres://app:hunter2@db:6000/shop", "orders").unwrap();
        let shown = "schema `orders` of database `shop` at db:6000, as `app`";
        assert_eq!(format!("{config:?}"), shown);
    }

    #[test]
    fn a_url_may_say_how_patient_to_be() {
        let of = |options: &str| Config::new(&format!("postgres://a@db/shop?{options}"), "s");
        let config = of("sslmode=require&patience-ms=700").unwrap();
        assert_eq!(config.patience.as_millis(), 700);
        assert!(matches!(config.options.get_ssl_mode(), sqlx::postgres::PgSslMode::Require));
        assert_eq!(of("sslmode=require").unwrap().patience.as_secs(), 30);
        assert!(of("patience-ms=soon").unwrap_err().to_string().contains("milliseconds"));
    }

    #[test]
    fn what_is_no_url_is_told_without_being_shown() {
        for url in
            ["", "hunter2", "mysql://app:hunter2@db/shop", "postgres://app:hunter2@db:x/shop"]
        {
            let told = Config::new(url, "orders").unwrap_err();
            assert_eq!(told.kind(), ErrorKind::Definition);
            assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
        }
    }

    #[test]
    fn a_name_can_not_say_anything_else() {
        for good in ["orders", "_a", "shop_2"] {
            assert_eq!(name(good, "schema").unwrap(), good);
        }
        for bad in ["", "Orders", "2", "a-b", "a\"b", "a b", "pg_a", "é", &"a".repeat(64)] {
            assert!(name(bad, "schema").is_err(), "{bad}");
        }
    }
}
