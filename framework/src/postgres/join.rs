//! A caller's own transaction on the same database.
//!
//! A user may have tables of its own beside ours. What it writes there and what it begins here are then
//! one commit: both or neither. Our tables are found along the connection's `search_path`, so it must name
//! the schema of the app, and its role must be granted what the app's is.

use crate::error::Error;
use crate::postgres::enter::{Way, enter};
use crate::postgres::trouble::store;
use crate::store::{Entered, Inboxed, Joined, LaneId, Slot};
use async_trait::async_trait;
use sqlx::{PgConnection, Row};

/// Whether the tables along the path are ours and may be written. It asks the catalog, for a statement that
/// fails would take back the caller's transaction.
const OURS: &str = "
    SELECT coalesce(has_table_privilege(to_regclass('inbox'), 'INSERT'), false)
       AND coalesce(has_table_privilege(to_regclass('meta'), 'SELECT'), false)
       AND coalesce(has_function_privilege(
           to_regprocedure('lane_key(text, integer, integer)'), 'EXECUTE'), false)
       AND EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('meta')
                   AND attname = 'value' AND atttypid = 'int8'::regtype)";

#[async_trait]
impl Joined for PgConnection {
    async fn incarnation(&mut self) -> Result<Option<u32>, Error> {
        let ours = sqlx::query(OURS).fetch_one(&mut *self).await.map_err(store)?;
        if !ours.get::<bool, _>(0) {
            return Ok(None);
        }
        let drawn = sqlx::query("SELECT value FROM meta WHERE name = 'incarnation'");
        let drawn = drawn.fetch_optional(self).await.map_err(store)?;
        Ok(drawn.and_then(|row| u32::try_from(row.get::<i64, _>(0)).ok()))
    }

    async fn enter(
        &mut self,
        lane: &LaneId,
        entry: &Inboxed,
        unless: Option<&Slot>,
    ) -> Result<Entered, Error> {
        enter(self, lane, entry, unless, Way::Joined).await
    }
}
