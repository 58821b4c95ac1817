//! Orders: writes an order down, has it shipped while the customer waits, and writes down what came of it.

use super::service::No;
use super::shipping::ShipOrder;
use crate::caller::Caller;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use bench::Failed;
use shop::order;
use sqlx::SqlitePool;
use std::net::SocketAddr;
use std::sync::Arc;

struct Orders {
    file: SqlitePool,
    shipping: (SocketAddr, Arc<Caller>),
}

/// `POST /v1/orders`, with the body that the examples take.
pub async fn routes(
    file: SqlitePool,
    shipping: (SocketAddr, Arc<Caller>),
) -> Result<Router, Failed> {
    let table = "CREATE TABLE orders (order_id INTEGER PRIMARY KEY, customer_id TEXT NOT NULL,
                                      status TEXT NOT NULL)";
    sqlx::query(table).execute(&file).await?;
    let orders = Arc::new(Orders { file, shipping });
    Ok(Router::new().route("/v1/orders", post(submit)).with_state(orders))
}

/// *Submit Order*: the tracking number, or why there is none.
async fn submit(State(orders): State<Arc<Orders>>, body: Bytes) -> Result<String, No> {
    let wanted = order::parse(&body).map_err(|_| No(StatusCode::UNPROCESSABLE_ENTITY))?;
    let order_id = orders.place(&wanted.customer_id).await?;
    let shipped = orders.ship(&ShipOrder { order_id, customer_id: wanted.customer_id }).await;
    orders.note(order_id, if shipped.is_ok() { "shipped" } else { "failed" }).await?;
    shipped
}

impl Orders {
    async fn place(&self, customer_id: &str) -> Result<i64, No> {
        let insert = "INSERT INTO orders (customer_id, status) VALUES ($1, 'created')";
        let placed = sqlx::query(insert).bind(customer_id).execute(&self.file).await?;
        Ok(placed.last_insert_rowid())
    }

    async fn ship(&self, wanted: &ShipOrder) -> Result<String, No> {
        let (at, caller) = &self.shipping;
        let wanted = serde_json::to_string(wanted).expect("it is a number and a text");
        let said = caller.ask(*at, "POST", "/shipments", wanted).await?;
        match said.status {
            StatusCode::OK => Ok(String::from_utf8_lossy(&said.body).into_owned()),
            other => Err(No(other)),
        }
    }

    async fn note(&self, order_id: i64, status: &str) -> Result<(), No> {
        let update = sqlx::query("UPDATE orders SET status = $1 WHERE order_id = $2").bind(status);
        update.bind(order_id).execute(&self.file).await?;
        Ok(())
    }
}
