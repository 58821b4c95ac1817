//! What the tests expect of the Postgres that they use.

mod alone;
mod budgets;
mod faults;
mod figures;
mod joined;
mod log;
mod pair;
mod plans;
mod puts;
mod schemas;
mod shop;

use containers::servers::Postgres;
use sqlx::postgres::PgConnection;
use sqlx::{Connection, Executor};

#[tokio::test]
async fn what_a_postgres_has_committed_survives_its_death() {
    let postgres = Postgres::alone().await;
    let database = postgres.database("survives").await;
    let mut owner = PgConnection::connect(&database.owner_url()).await.unwrap();
    owner.execute("create table word (word text); insert into word values ('kept')").await.unwrap();
    postgres.kill().await;
    assert!(owner.execute("select 1").await.is_err());
    postgres.start().await;
    let mut owner = PgConnection::connect(&database.owner_url()).await.unwrap();
    let word: String =
        sqlx::query_scalar("select word from word").fetch_one(&mut owner).await.unwrap();
    assert_eq!(word, "kept");
}
