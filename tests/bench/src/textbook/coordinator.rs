//! The coordinator takes a message.

use super::Side;
use super::message::{Message, Said, State, Status};
use crate::Failed;
use crate::five::saga::Order;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Row};

const SIDE: Side = Side::Coordinator;

/// Takes one in a transaction. Says, if the saga has ended by it, whether it was completed.
pub(super) async fn take(db: &mut PgConnection, message: &Message) -> Result<Option<bool>, Failed> {
    let mut tx = db.begin().await?;
    if !SIDE.is_new(&mut tx, message).await? {
        tx.commit().await?;
        return Ok(None);
    }
    let state = match message.said {
        Said::Begin(order) => begin(&mut tx, message.saga, order).await?,
        said => go_on(&mut tx, message.saga, said).await?,
    };
    if let Some(next) = state.next() {
        SIDE.say(&mut tx, &Message::new(message.saga, next)).await?;
    }
    tx.commit().await?;
    Ok(match state.status {
        Status::Running | Status::Compensating => None,
        Status::Completed => Some(true),
        Status::Compensated => Some(false),
    })
}

async fn begin(db: &mut PgConnection, saga: u64, order: Order) -> Result<State, Failed> {
    let state = State::new(order);
    let text = "INSERT INTO saga (id, status, version, state) VALUES ($1, $2, 1, $3::text::jsonb)";
    let insert = sqlx::query(text).bind(i64::try_from(saga)?).bind(state.status.name());
    insert.bind(serde_json::to_string(&state)?).execute(db).await?;
    Ok(state)
}

async fn go_on(db: &mut PgConnection, saga: u64, said: Said) -> Result<State, Failed> {
    let saga = i64::try_from(saga)?;
    let text = "SELECT state::text FROM saga WHERE id = $1 FOR UPDATE";
    let row = sqlx::query(text).bind(saga).fetch_one(&mut *db).await?;
    let mut state: State = serde_json::from_str(row.get(0))?;
    state.hear(said);
    let text =
        "UPDATE saga SET status = $2, version = version + 1, state = $3::text::jsonb WHERE id = $1";
    let update = sqlx::query(text).bind(saga).bind(state.status.name());
    update.bind(serde_json::to_string(&state)?).execute(db).await?;
    Ok(state)
}
