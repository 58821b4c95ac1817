//! Which database, which schema in it, and how patient to be.

use crate::error::{Error, ErrorKind};
use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How many statements a connection keeps prepared: some per set of kinds that occurs in a batch.
const PREPARED: usize = 512;

/// How patient one is who says nothing else.
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
}

impl Config {
    /// The schema of this name in the database of this URL, as
    /// `postgres://role:password@host:port/database?sslmode=verify-full`. Among its options there may be
    /// `patience-ms`, see [`patience`](Self::patience).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Definition`] if this is no URL of a Postgres database, or no name that a schema may
    /// have without quotes.
    pub fn new(url: &str, schema: &str) -> Result<Self, Error> {
        let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let (url, patience) = without_patience(url)?;
        let options = is_postgres.then(|| PgConnectOptions::from_str(&url)).and_then(Result::ok);
        let Some(options) = options else { return Err(no_url()) };
        Ok(Self {
            options: options
                .application_name(&format!("ballet {schema}"))
                .statement_cache_capacity(PREPARED),
            schema: name(schema, "schema")?,
            lanes: 8,
            clients: 4,
            patience: patience.unwrap_or(PATIENCE),
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

/// A URL without the option that the driver does not know.
fn without_patience(url: &str) -> Result<(String, Option<Duration>), Error> {
    let Some((place, options)) = url.split_once('?') else { return Ok((url.to_owned(), None)) };
    let of_option = |option: &&str| option.starts_with("patience-ms=");
    let (ours, theirs): (Vec<&str>, Vec<&str>) = options.split('&').partition(of_option);
    let Some((_, value)) = ours.last().and_then(|option| option.split_once('=')) else {
        return Ok((url.to_owned(), None));
    };
    let wrong = |_| Error::new(ErrorKind::Definition, "`patience-ms` is a number");
    let patience = Duration::from_millis(value.parse().map_err(wrong)?);
    Ok((format!("{place}?{}", theirs.join("&")), Some(patience)))
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
    fn a_url_says_how_patient_one_is() {
        let of = |options: &str| Config::new(&format!("postgres://app@db/shop{options}"), "orders");
        let patience = |options: &str| of(options).unwrap().patience.as_millis();
        assert_eq!(patience(""), 30_000);
        assert_eq!(patience("?sslmode=disable"), 30_000);
        assert_eq!(patience("?sslmode=disable&patience-ms=70"), 70);
        let told = of("?patience-ms=long").unwrap_err();
        assert_eq!(told.to_string(), "`patience-ms` is a number");
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
