//! The outside world, with dials.
//!
//! Each fake is as far outside as the real thing: it keeps its own books, knows repeated calls by
//! their key, and can be down, slow, or worse. It survives the shop's crashes, as the world does.

mod carrier;
mod dials;
mod ledger;
mod mail;
mod provider;
mod wire;

pub use carrier::{Carrier, Parcel, Waybill};
pub use dials::{Dials, Outsider, Turn};
pub use mail::{Mail, Posted};
pub use provider::{Authorization, Capture, Charge, Held, Provider};
pub use wire::{Passing, Reach, Wire};

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everything outside the shop. Clones are the same world.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Who takes the customers' money.
    pub provider: Arc<Provider>,
    /// Who carries parcels.
    pub carrier: Arc<Carrier>,
    /// Who carries letters.
    pub mail: Arc<Mail>,
}

impl World {
    /// A world whose books are files beside this one, and so outlive the shop's process.
    ///
    /// # Errors
    ///
    /// What the operating system says; that these are no such books.
    pub fn kept_beside(file: impl AsRef<Path>) -> io::Result<Self> {
        let of = |name: &str| {
            let mut path = file.as_ref().as_os_str().to_owned();
            path.push(name);
            path
        };
        Ok(Self {
            provider: Arc::new(Provider::kept_in(of(".provider"))?),
            carrier: Arc::new(Carrier::kept_in(of(".carrier"))?),
            mail: Arc::new(Mail::kept_in(of(".mail"))?),
        })
    }
}

/// An outside service did not answer. What it did before that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage(&'static str);

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Outage {}

/// The books are whole after every line, so a panic elsewhere does not spoil them.
fn lock<T>(books: &Mutex<T>) -> MutexGuard<'_, T> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::World;
    use crate::testing::at_once;

    #[test]
    fn a_world_that_is_kept_outlives_the_process() {
        let name = format!("shop-world-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let address = crate::contracts::Address {
            line1: "Ring 1".to_owned(),
            city: "Graz".to_owned(),
            postcode: "8010".to_owned(),
            country: "AT".to_owned(),
        };
        for _ in 0..2 {
            let world = World::kept_beside(folder.join("shop.db")).unwrap();
            for _ in 0..2 {
                let taken = at_once(world.carrier.take("1", "1", &address)).unwrap().unwrap();
                assert_eq!(taken.tracking_no, "T/1");
                at_once(world.mail.send("1:shipped", "eva@shop.example", "hello", None));
                at_once(world.provider.authorize("1", "eva", 700));
            }
            let (parcels, letters) = (world.carrier.parcels(), world.mail.sent());
            let held = world.provider.authorizations();
            assert_eq!((parcels.len(), letters.len(), held.len()), (1, 1, 1));
        }
        std::fs::remove_dir_all(folder).unwrap();
    }
}
