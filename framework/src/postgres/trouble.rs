//! What Postgres says when it cannot, in words that say what to do.
//!
//! No sentence shows more of a URL than host, database and role: sqlx keeps passwords out of its errors,
//! and so does [`Config`](crate::postgres::Config).

use crate::error::{Error, ErrorKind};
use crate::postgres::config::Config;
use crate::store::LaneId;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// The SQLSTATE that the server gave.
pub(super) fn state(told: &sqlx::Error) -> Option<String> {
    Some(told.as_database_error()?.code()?.into_owned())
}

/// What to do about it.
fn advice(told: &sqlx::Error) -> &'static str {
    let Some(state) = state(told) else {
        return match told {
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) => {
                "the connection to the database is gone: it is made again"
            }
            _ => "the database gave what was not asked for",
        };
    };
    match &*state {
        "40001" | "40P01" => "another lane has the same rows: it is tried again",
        "23505" => "another lane has written the same row meanwhile: it is tried again",
        "55P03" => "somebody else holds the same rows for too long: end that",
        "57014" => "the database takes too long: look at what else it does",
        "22012" => {
            "a partition that is written to is not there, or a run that goes on was deleted: look \
             whether the topic is there, and who deletes"
        }
        "23502" => "a run is there that was taken for absent: it is tried again",
        "25P03" => "the transaction rested for too long: it is tried again",
        "25006" => "the database can only be read: connect to the primary",
        "42501" => "the role may not do this: run `ballet migrate` with its name as `--app-role`",
        "42P01" | "3F000" => "a table is not there: run `ballet migrate`",
        "53100" => "the disk of the database is full: make room",
        "53200" => "the database has no memory left: give it more, or let it do less",
        "53300" => "the database has no connection left: raise its `max_connections`",
        "57P01" | "57P02" | "57P03" => {
            "the database is being started or stopped: it is tried again"
        }
        state if state.starts_with("XX") => "the database is damaged: look at its log",
        _ => "the database refused a statement",
    }
}

/// An error of the store.
pub(super) fn store(told: sqlx::Error) -> Error {
    Error::new(ErrorKind::Store, format!("{} ({told})", advice(&told))).because(told)
}

/// Why there is no connection.
pub(super) fn reach(config: &Config, told: sqlx::Error) -> Error {
    let (place, role, database) = (config.place(), config.role(), config.database());
    let text = match (state(&told).as_deref(), &told) {
        (Some("28P01" | "28000"), _) => {
            format!(
                "role `{role}` is not let in to {place}: look at its password and at `pg_hba.conf` ({told})"
            )
        }
        (Some("3D000"), _) => format!("{place} is not there: make it with `createdb {database}`"),
        (Some(_), _) => format!("{place}: {} ({told})", advice(&told)),
        (None, told) if is_tls(told) => {
            let advice = match cfg!(feature = "tls") {
                true => "look at the certificates",
                false => "build with the feature `tls`",
            };
            format!("{place} cannot be spoken to as `sslmode` asks: {advice} ({told})")
        }
        (None, _) => format!("{place} cannot be reached: start it, or name another ({told})"),
    };
    Error::new(ErrorKind::Store, text).because(told)
}

/// Whether the server says that a statement has failed, and so has done nothing. One that ends the connection
/// may have done all of it.
pub(super) fn has_failed(told: &Error) -> bool {
    let database = cause(told).and_then(sqlx::Error::as_database_error);
    let severity =
        database.and_then(|told| Some(told.try_downcast_ref::<PgDatabaseError>()?.severity()));
    matches!(severity, Some(PgSeverity::Error))
}

/// Whether the server says that something is there which was [taken for granted](super::puts) not to be.
pub(super) fn was_there(told: &Error) -> bool {
    let database = cause(told).and_then(sqlx::Error::as_database_error);
    let constraint = database.and_then(|told| told.constraint());
    has_failed(told) && matches!(constraint, Some("rows_pkey" | "timers_pkey" | "archive_pkey"))
}

/// The lane has changed its owner.
pub(super) fn superseded(lane: &LaneId, epoch: u64) -> Error {
    let text = format!("lane {lane} belongs to another owner, of epoch {epoch}");
    Error::new(ErrorKind::Superseded, text)
}

/// Whether the two do not agree on how to encrypt, or on whom to believe.
fn is_tls(told: &sqlx::Error) -> bool {
    match told {
        sqlx::Error::Tls(_) => true,
        // So a certificate is told that is not believed.
        sqlx::Error::Io(told) => told.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}

/// Whether the server is not there now and may be soon.
pub(super) fn may_come(told: &Error) -> bool {
    match cause(told) {
        Some(told @ sqlx::Error::Io(_)) => !is_tls(told),
        Some(told) => matches!(state(told).as_deref(), Some("57P01" | "57P02" | "57P03" | "53300")),
        None => false,
    }
}

/// Whether a connection ended under a statement, and those beside it probably too.
pub(super) fn gone(told: &Error) -> bool {
    match cause(told) {
        Some(told) => state(told).is_none_or(|state| state.starts_with("57P")),
        None => false,
    }
}

fn cause(told: &Error) -> Option<&sqlx::Error> {
    std::error::Error::source(told).and_then(|cause| cause.downcast_ref())
}

/// The commit failed: nobody knows whether it happened (H17).
pub(super) fn unknown(told: &Error) -> Error {
    let text = format!("nobody knows whether the batch was committed: {told}");
    Error::new(ErrorKind::Unknown, text)
}

/// A transaction in which a statement failed has nothing to commit. Postgres would answer such a commit
/// with a rollback, and call that a success.
pub(super) fn taken_back() -> Error {
    Error::new(ErrorKind::Store, "a statement of the batch failed: it was taken back")
}

/// No answer came, within the server's own bounds.
pub(super) fn late() -> Error {
    let text = "the database does not answer: look at it, and at the network";
    Error::new(ErrorKind::Store, text).because(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()))
}

/// Every connection was lent for too long.
pub(super) fn busy() -> Error {
    let text = "all connections to the database are in use: allow more, or let it do less";
    Error::new(ErrorKind::Busy, text)
}
