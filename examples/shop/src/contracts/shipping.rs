//! Shipping: the parcel and its way.

use crate::contracts::{Address, CustomerId, OrderId, Reason};
use ballet::{service, topic};
use serde::{Deserialize, Serialize};

/// The parcel is ready, and it is known where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentPrepared {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: String,
    /// Whom it goes to.
    pub name: String,
    /// Where it goes, whatever becomes of the customer's address.
    pub address: Address,
}

/// It cannot be shipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentRejected {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub code: Reason,
    /// The same for people.
    pub detail: String,
}

/// The carrier has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentDispatched {
    /// The order.
    pub order_id: OrderId,
    /// The shipment.
    pub shipment_id: String,
    /// By which the customer follows it.
    pub tracking_no: String,
}

/// The parcel was unpacked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentCancelled {
    /// The order.
    pub order_id: OrderId,
}

topic! {
    /// What Shipping says.
    pub SHIPMENT_FACTS = "shop.shipments.v1", key order_id {
        ShipmentPrepared = "shipment.prepared",
        ShipmentRejected = "shipment.rejected",
        ShipmentDispatched = "shipment.dispatched",
        ShipmentCancelled = "shipment.cancelled",
    }
}

/// Make the parcel ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareShipment {
    /// The order.
    pub order_id: OrderId,
    /// Who gets it.
    pub customer_id: CustomerId,
}

/// It is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// The shipment.
    pub shipment_id: String,
}

/// Unpack it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelShipment {
    /// The order.
    pub order_id: OrderId,
}

/// Give it to the carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispatchShipment {
    /// The order.
    pub order_id: OrderId,
}

/// The carrier has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatched {
    /// By which the customer follows it.
    pub tracking_no: String,
}

service! {
    /// What Shipping may be asked.
    pub SHIPPING = "shipping" {
        PrepareShipment = "shipment.prepare" -> Prepared,
        CancelShipment = "shipment.cancel" -> (),
        DispatchShipment = "shipment.dispatch" -> Dispatched,
    }
}
