//! The three ways to buy, as one: what is measured of all is one text.

use crate::baseline::{Baseline, Patience};
use crate::caller::Caller;
use crate::ours::{self, Ours};
use axum::http::StatusCode;
use bench::Failed;
use bench::setting::Folder;
use serde::Serialize;
use shop::contracts::{Address, Customer, Level};
use shop::fakes::Reach;
use shop::http::Example;
use std::path::Path;
use std::time::Duration;

/// How long a customer waits for any answer.
const LONG: Duration = Duration::from_secs(60);

/// How it is bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    Rest,
    Orchestrated,
    Choreographed,
}

impl Way {
    pub const ALL: [Self; 3] = [Self::Rest, Self::Orchestrated, Self::Choreographed];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Orchestrated => "orchestrated",
            Self::Choreographed => "choreographed",
        }
    }

    /// `None` if it is by calls.
    fn example(self) -> Option<Example> {
        match self {
            Self::Rest => None,
            Self::Orchestrated => Some(ours::orchestrated()),
            Self::Choreographed => Some(ours::choreographed()),
        }
    }
}

/// Where it is bought.
#[derive(Debug)]
pub struct Shop {
    kind: Kind,
    customer: Caller,
}

#[derive(Debug)]
enum Kind {
    Rest(Baseline),
    Ours(Ours),
}

/// An order that was accepted: what the customer was told, to ask for it.
#[derive(Debug)]
pub struct Accepted(String);

impl Shop {
    /// Opens one that knows buyers 0 and up, so many, in a new folder in this one.
    pub async fn open(way: Way, above: &Path, buyers: usize) -> Result<Self, Failed> {
        let (folder, buyers) = (Folder::new(above)?, (0..buyers).map(buyer).collect::<Vec<_>>());
        let kind = match way.example() {
            None => Kind::Rest(Baseline::open(folder, &buyers, Patience::default()).await?),
            Some(example) => Kind::Ours(Ours::open(folder, &buyers, example).await?),
        };
        Ok(Self { kind, customer: Caller::new(LONG) })
    }

    /// Somebody buys an iPad, and asks once.
    pub async fn buy(&self, number: usize) -> Option<Accepted> {
        let asked = match &self.kind {
            Kind::Rest(baseline) => baseline.submit(&self.customer, an_ipad(number)).await,
            Kind::Ours(ours) => ours.submit(&self.customer, an_ipad(number)).await,
        };
        let said = asked.ok().filter(|said| said.status.is_success())?;
        match said.status {
            StatusCode::ACCEPTED => said.location.map(Accepted),
            _ => Some(Accepted(String::from_utf8_lossy(&said.body).into_owned())),
        }
    }

    /// Waits until an order that was accepted is shipped. By calls it is when it is accepted.
    pub async fn is_shipped(&self, order: &Accepted) -> Result<bool, Failed> {
        match &self.kind {
            Kind::Rest(_) => Ok(true),
            Kind::Ours(ours) => ours.is_shipped(&self.customer, &order.0).await,
        }
    }

    /// How many parcels there are in the end, when these were accepted and no others.
    pub async fn shipped(&self, accepted: &[Accepted]) -> Result<usize, Failed> {
        if let Kind::Rest(baseline) = &self.kind {
            return baseline.shipped().await;
        }
        let mut shipped = 0;
        for order in accepted {
            shipped += usize::from(self.is_shipped(order).await?);
        }
        Ok(shipped)
    }

    /// Sends a service away, or calls it back.
    pub async fn turn(&mut self, name: &str, up: bool) -> Result<(), Failed> {
        match &mut self.kind {
            Kind::Rest(baseline) => baseline.turn(name, if up { Reach::Up } else { Reach::Down }),
            Kind::Ours(ours) => ours.turn(&self.customer, name, up).await?,
        }
        Ok(())
    }

    /// How long the calls from service to service took since this was asked last: those to Shipping, and those
    /// to Customers. Ours have none.
    pub fn take_calls(&self) -> Option<[Vec<f64>; 2]> {
        match &self.kind {
            Kind::Rest(baseline) => {
                Some(baseline.callers.each_ref().map(|caller| caller.take_waited()))
            }
            Kind::Ours(_) => None,
        }
    }

    /// Sends everybody home.
    pub async fn close(self) -> Result<(), Failed> {
        match self.kind {
            Kind::Rest(baseline) => baseline.close().await,
            Kind::Ours(ours) => ours.close().await,
        }
    }
}

/// Everybody buys once, for the examples take two iPads of one customer in an hour for a fraud.
pub fn buyer(number: usize) -> Customer {
    let customer_id = format!("buyer-{number}");
    Customer {
        name: format!("Buyer {number}"),
        email: format!("{customer_id}@shop.example"),
        customer_id,
        address: Address {
            line1: format!("{number} Main Street"),
            city: "Vienna".to_owned(),
            postcode: "1010".to_owned(),
            country: "AT".to_owned(),
        },
        level: Level::Bronze,
    }
}

/// The order of one iPad by this buyer.
pub fn an_ipad(number: usize) -> String {
    format!(
        r#"{{"customer_id":"buyer-{number}","total_minor":109900,"currency":"USD","lines":[{{"sku":"ipad","qty":1,"unit_price_minor":109900}}]}}"#
    )
}
