//! Customers: the only one who knows where they live.

use super::service::No;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use bench::Failed;
use shop::contracts::Customer;
use sqlx::{Row, SqlitePool};

/// `GET /customers/{id}`, once these are known.
pub async fn routes(file: SqlitePool, known: &[Customer]) -> Result<Router, Failed> {
    let table = "CREATE TABLE customers (customer_id TEXT PRIMARY KEY, address TEXT NOT NULL)";
    sqlx::query(table).execute(&file).await?;
    let mut tx = file.begin().await?;
    for customer in known {
        let insert = sqlx::query("INSERT INTO customers VALUES ($1, $2)");
        let insert = insert.bind(&customer.customer_id);
        insert.bind(serde_json::to_string(&customer.address)?).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(Router::new().route("/customers/{id}", get(address)).with_state(file))
}

/// `getCustomer()`.
async fn address(State(file): State<SqlitePool>, Path(id): Path<String>) -> Result<String, No> {
    let found = sqlx::query("SELECT address FROM customers WHERE customer_id = $1").bind(id);
    let found = found.fetch_optional(&file).await?;
    found.map(|row| row.get(0)).ok_or(No(StatusCode::NOT_FOUND))
}
