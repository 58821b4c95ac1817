//! A caller's own transaction on the same file.
//!
//! A user may have tables of its own beside ours. What it writes there and what it begins here are then
//! one commit: both or neither.

use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind};
use crate::sqlite::enter::enter;
use crate::sqlite::schema::APPLICATION;
use crate::sqlite::trouble::store;
use crate::store::{Entered, Inboxed, Joined, LaneId, Slot};
use async_trait::async_trait;
use sqlx::{Row, SqliteConnection};

/// What SQLite says when a transaction that has only read wants to write what others have written
/// meanwhile (`SQLITE_BUSY_SNAPSHOT`). Waiting does not help it.
const STALE: &str = "517";

#[async_trait]
impl Joined for SqliteConnection {
    async fn incarnation(&mut self) -> Result<Option<u32>, Error> {
        let whose = sqlx::query("SELECT application_id FROM pragma_application_id");
        let whose: i32 = whose.fetch_one(&mut *self).await.map_err(store)?.get(0);
        if whose != APPLICATION {
            return Ok(None);
        }
        let drawn = sqlx::query("SELECT value FROM meta WHERE name = 'incarnation'");
        let drawn = drawn.fetch_optional(self).await.map_err(store)?;
        Ok(drawn.map(|row| row.get(0)))
    }

    async fn enter(
        &mut self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error> {
        let entered = enter(self, lane, entry, unless, SystemClock.now()).await;
        entered.map_err(|told| if is_stale(&told) { stale(told) } else { told })
    }
}

fn is_stale(told: &Error) -> bool {
    let cause = std::error::Error::source(told).and_then(|cause| cause.downcast_ref());
    let code = cause.and_then(sqlx::Error::as_database_error).and_then(|told| told.code());
    code.is_some_and(|code| code == STALE)
}

fn stale(told: Error) -> Error {
    let text = "the transaction has read what others have written since: begin it anew, with `BEGIN \
                IMMEDIATE`";
    Error::new(ErrorKind::Store, text).because(told)
}
