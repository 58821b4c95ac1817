//! Shipping: parcels, and where they go.
//!
//! The address comes from Shipping's own copy of the customers, so that parcels are shipped while
//! the service for customers is down.

use crate::contracts::{
    Address, CustomerId, OrderId, Reason, ShipmentCancelled, ShipmentDispatched, ShipmentPrepared,
    ShipmentRejected,
};
use crate::customers::{Addressee, Addresses};
use crate::settings::settings;
use ballet::{Fault, Table, Tx, Verdict};
use serde::{Deserialize, Serialize};

/// The shipments, one an order.
pub const SHIPMENTS: Table<OrderId, Shipment> = Table::new("shipments");

/// Where a shipment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The parcel is ready.
    Prepared,
    /// The carrier has it.
    Dispatched,
    /// It was unpacked again.
    Cancelled,
}

/// A shipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shipment {
    /// Where it stands.
    pub stage: Stage,
    /// Its number.
    pub shipment_id: String,
    /// Whom it goes to.
    pub to: Addressee,
    /// By which the customer follows it.
    pub tracking_no: Option<String>,
}

/// Makes a parcel ready. A customer that is not known yet is waited for, but not for ever.
///
/// # Errors
///
/// A fault if the customer is not known yet, or the tables cannot be read.
pub async fn prepare(
    tx: &mut Tx,
    order_id: &OrderId,
    customer_id: &CustomerId,
) -> Result<Verdict<ShipmentPrepared, ShipmentRejected>, Fault> {
    let Some(to) = tx.view::<Addresses>(customer_id).await? else {
        if tx.waited() < settings().customer_wait {
            return Err(Fault::not_yet(format!("customer {customer_id} is not known")));
        }
        return Ok(Verdict::No(rejected(order_id, Reason::UnknownCustomer, customer_id)));
    };
    if let Err(why) = deliverable(&to.address, settings().countries) {
        return Ok(Verdict::No(rejected(order_id, Reason::Undeliverable, &why)));
    }
    let (order_id, shipment_id) = (order_id.clone(), format!("s-{order_id}"));
    let Addressee { name, address, .. } = to.clone();
    let stage = Stage::Prepared;
    let shipment = Shipment { stage, shipment_id: shipment_id.clone(), to, tracking_no: None };
    tx.put(SHIPMENTS, &order_id, &shipment)?;
    Ok(Verdict::Yes(ShipmentPrepared { order_id, shipment_id, name, address }))
}

/// The shipment of an order, to be given to the carrier.
///
/// # Errors
///
/// A fault if there is none.
pub async fn parcel(tx: &mut Tx, order_id: &OrderId) -> Result<Shipment, Fault> {
    let missing = || Fault::new(format!("no parcel is ready for {order_id}"));
    tx.get(SHIPMENTS, order_id).await?.ok_or_else(missing)
}

/// Writes down that the carrier has it.
///
/// # Errors
///
/// A fault if there is no such shipment.
pub async fn dispatched(
    tx: &mut Tx,
    order_id: &OrderId,
    tracking_no: &str,
) -> Result<ShipmentDispatched, Fault> {
    let shipment = parcel(tx, order_id).await?;
    let (shipment_id, tracking_no) = (shipment.shipment_id.clone(), tracking_no.to_owned());
    let tracking = Some(tracking_no.clone());
    let shipment = Shipment { stage: Stage::Dispatched, tracking_no: tracking, ..shipment };
    tx.put(SHIPMENTS, order_id, &shipment)?;
    Ok(ShipmentDispatched { order_id: order_id.clone(), shipment_id, tracking_no })
}

/// Unpacks a parcel that was made ready.
///
/// # Errors
///
/// A fault if there is no such shipment.
pub async fn cancel(tx: &mut Tx, order_id: &OrderId) -> Result<ShipmentCancelled, Fault> {
    let shipment = parcel(tx, order_id).await?;
    tx.put(SHIPMENTS, order_id, &Shipment { stage: Stage::Cancelled, ..shipment })?;
    Ok(ShipmentCancelled { order_id: order_id.clone() })
}

fn rejected(order_id: &str, code: Reason, detail: &str) -> ShipmentRejected {
    ShipmentRejected { order_id: order_id.to_owned(), code, detail: detail.to_owned() }
}

/// Whether Shipping goes there.
fn deliverable(address: &Address, countries: &[&str]) -> Result<(), String> {
    if address.line1.is_empty() || address.city.is_empty() || address.postcode.is_empty() {
        return Err("the address is not complete".to_owned());
    }
    match countries.contains(&address.country.as_str()) {
        true => Ok(()),
        false => Err(format!("no carrier goes to `{}`", address.country)),
    }
}

#[cfg(test)]
mod tests {
    use super::deliverable;
    use crate::contracts::Address;

    #[test]
    fn a_parcel_needs_a_whole_address_in_a_country_that_carriers_go_to() {
        let address = |line1: &str, country: &str| Address {
            line1: line1.to_owned(),
            city: "Graz".to_owned(),
            postcode: "8010".to_owned(),
            country: country.to_owned(),
        };
        let judge = |address| deliverable(&address, &["AT"]);
        assert_eq!(judge(address("Ring 1", "AT")), Ok(()));
        assert_eq!(judge(address("", "AT")), Err("the address is not complete".to_owned()));
        assert_eq!(judge(address("Ring 1", "AQ")), Err("no carrier goes to `AQ`".to_owned()));
    }
}
