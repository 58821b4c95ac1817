//! The carrier: it takes parcels, each once for each key.

use crate::contracts::Address;
use crate::fakes::{Outage, Wire, lock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A parcel that the carrier has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// The shop's number for it.
    pub shipment_id: String,
    /// Where it goes.
    pub address: Address,
    /// The carrier's number for it.
    pub tracking_no: String,
}

/// What the carrier says to a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waybill {
    /// By which it can be followed.
    pub tracking_no: String,
}

/// The carrier.
#[derive(Debug, Default)]
pub struct Carrier {
    /// Down, slow, or up.
    pub wire: Wire,
    parcels: Mutex<BTreeMap<String, Parcel>>,
}

impl Carrier {
    /// Takes a parcel.
    ///
    /// # Errors
    ///
    /// Nobody answers.
    pub async fn take(
        &self,
        key: &str,
        shipment_id: &str,
        address: &Address,
    ) -> Result<Waybill, Outage> {
        self.wire.reach().await?;
        let mut parcels = lock(&self.parcels);
        let parcel = parcels.entry(key.to_owned()).or_insert_with(|| Parcel {
            shipment_id: shipment_id.to_owned(),
            address: address.clone(),
            tracking_no: format!("T/{key}"),
        });
        Ok(Waybill { tracking_no: parcel.tracking_no.clone() })
    }

    /// All parcels that it was ever given.
    #[must_use]
    pub fn parcels(&self) -> Vec<Parcel> {
        lock(&self.parcels).values().cloned().collect()
    }
}
