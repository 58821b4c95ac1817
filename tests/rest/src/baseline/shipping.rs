//! Shipping: asks where the customer lives, and sends the parcel there.

use super::service::No;
use crate::caller::Caller;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use bench::Failed;
use serde::{Deserialize, Serialize};
use shop::contracts::Address;
use sqlx::SqlitePool;
use std::net::SocketAddr;
use std::sync::Arc;

/// What Orders asks for.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShipOrder {
    pub order_id: i64,
    pub customer_id: String,
}

struct Shipping {
    file: SqlitePool,
    customers: (SocketAddr, Arc<Caller>),
}

/// `POST /shipments`.
pub async fn routes(
    file: SqlitePool,
    customers: (SocketAddr, Arc<Caller>),
) -> Result<Router, Failed> {
    let table = "CREATE TABLE shipments (order_id INTEGER PRIMARY KEY, address TEXT NOT NULL)";
    sqlx::query(table).execute(&file).await?;
    let shipping = Arc::new(Shipping { file, customers });
    Ok(Router::new().route("/shipments", post(ship)).with_state(shipping))
}

/// `shipOrder()`: the tracking number.
async fn ship(State(shipping): State<Arc<Shipping>>, body: Bytes) -> Result<String, No> {
    let wanted: ShipOrder =
        serde_json::from_slice(&body).map_err(|_| No(StatusCode::UNPROCESSABLE_ENTITY))?;
    let address = shipping.address_of(&wanted.customer_id).await?;
    let insert = sqlx::query("INSERT INTO shipments VALUES ($1, $2)").bind(wanted.order_id);
    insert.bind(format!("{}, {}", address.line1, address.city)).execute(&shipping.file).await?;
    Ok(format!("T/{}", wanted.order_id))
}

impl Shipping {
    async fn address_of(&self, customer_id: &str) -> Result<Address, No> {
        let (at, caller) = &self.customers;
        let said = caller.ask(*at, "GET", &format!("/customers/{customer_id}"), "").await?;
        if said.status != StatusCode::OK {
            return Err(No(said.status));
        }
        serde_json::from_slice(&said.body).map_err(|_| No(StatusCode::BAD_GATEWAY))
    }
}
