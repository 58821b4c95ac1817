//! The relay hands over what is in an outbox.

use super::kafka::Outlet;
use super::{Shared, Side};
use crate::Failed;
use ballet::clock::rest;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};
use std::sync::Arc;
use std::time::Duration;

/// How long it rests when there is nothing: shorter than most would dare to poll a database.
const PAUSE: Duration = Duration::from_millis(5);

const FIND: [&str; 2] = [
    "SELECT id, message FROM coordinator_outbox ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED",
    "SELECT id, message FROM worker_outbox ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED",
];
const DELETE: [&str; 2] = [
    "DELETE FROM coordinator_outbox WHERE id = ANY($1)",
    "DELETE FROM worker_outbox WHERE id = ANY($1)",
];

/// Looks, hands over and deletes, for ever. What was handed over and not deleted is handed over again.
pub(super) async fn run(
    side: Side,
    mut db: PgConnection,
    outlet: Outlet,
    shared: Arc<Shared>,
) -> Result<(), Failed> {
    let at = usize::from(side == Side::Worker);
    loop {
        let mut tx = db.begin().await?;
        let rows = sqlx::query(FIND[at]).fetch_all(&mut *tx).await?;
        if rows.is_empty() {
            tx.rollback().await?;
            rest(PAUSE).await;
            continue;
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
        let messages: Vec<String> = rows.iter().map(|row| row.get(1)).collect();
        messages.iter().for_each(|message| shared.count(message.len()));
        outlet.hand_over(messages).await?;
        sqlx::query(DELETE[at]).bind(ids).execute(&mut *tx).await?;
        tx.commit().await?;
    }
}
