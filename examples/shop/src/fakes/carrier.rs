//! The carrier: it takes parcels, each once for each key.

use crate::contracts::Address;
use crate::fakes::ledger::Ledger;
use crate::fakes::{Outage, Wire, lock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Mutex;

/// A parcel that the carrier has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// By the keys under which they were given.
    parcels: BTreeMap<String, Parcel>,
    ledger: Ledger,
}

impl Carrier {
    /// A carrier that keeps its books in this file, and so outlives the process.
    ///
    /// # Errors
    ///
    /// What the operating system says; that these are no such books.
    pub fn kept_in(path: impl AsRef<Path>) -> io::Result<Self> {
        let (ledger, entries) = Ledger::open(path)?;
        let parcels = entries.into_iter().collect();
        Ok(Self { wire: Wire::default(), books: Mutex::new(Books { parcels, ledger }) })
    }

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
        let _reached = self.wire.reach().await?;
        let Books { parcels, ledger } = &mut *lock(&self.books);
        let (_turn, others) = ledger.turn()?;
        parcels.extend(others);
        if let Some(known) = parcels.get(key) {
            return Ok(Waybill { tracking_no: known.tracking_no.clone() });
        }
        let parcel = Parcel {
            shipment_id: shipment_id.to_owned(),
            address: address.clone(),
            tracking_no: format!("T/{key}"),
        };
        ledger.note(&(key, &parcel))?;
        let waybill = Waybill { tracking_no: parcel.tracking_no.clone() };
        parcels.insert(key.to_owned(), parcel);
        Ok(waybill)
    }

    /// All parcels that it was ever given.
    #[must_use]
    pub fn parcels(&self) -> Vec<Parcel> {
        lock(&self.books).parcels.values().cloned().collect()
    }
}
