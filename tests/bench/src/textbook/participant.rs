//! The participant takes a command.

use super::Side;
use super::message::{Message, Said};
use crate::Failed;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

const SIDE: Side = Side::Worker;

/// Takes one in a transaction, and answers it there.
pub(super) async fn take(db: &mut PgConnection, message: &Message) -> Result<(), Failed> {
    let mut tx = db.begin().await?;
    if SIDE.is_new(&mut tx, message).await? {
        let saga = i64::try_from(message.saga)?;
        let answer = match message.said {
            Said::Do { step, fails: true, .. } => Said::Refused { step },
            Said::Do { step, amount, .. } => {
                let text = "INSERT INTO effect (saga, step, amount) VALUES ($1, $2, $3)";
                let insert = sqlx::query(text).bind(saga).bind(i32::try_from(step)?);
                insert.bind(i64::try_from(amount)?).execute(&mut *tx).await?;
                Said::Done { step }
            }
            Said::Undo { step } => {
                let text = "DELETE FROM effect WHERE saga = $1 AND step = $2";
                let delete = sqlx::query(text).bind(saga).bind(i32::try_from(step)?);
                delete.execute(&mut *tx).await?;
                Said::Undone { step }
            }
            said => return Err(format!("{said:?} is no command").into()),
        };
        SIDE.say(&mut tx, &Message::new(message.saga, answer)).await?;
    }
    Ok(tx.commit().await?)
}
