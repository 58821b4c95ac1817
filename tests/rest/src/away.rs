//! One service is away while some buy: what they are told, and what comes of it.

use crate::options::Options;
use crate::way::{Shop, Way};
use bench::Failed;
use bench::stats::Spread;
use bench::tell::rule;
use serde::Serialize;
use shop::contracts::{CUSTOMERS, SHIPPING};

/// Who is away, each in turn.
pub const AWAY: [&str; 2] = [CUSTOMERS, SHIPPING];

/// What came of purchases that were made while a service was away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Away {
    pub way: Way,
    pub service: &'static str,
    pub bought: usize,
    pub accepted: usize,
    /// In the end, with everybody back.
    pub shipped: usize,
}

impl Away {
    /// How many customers have nothing unless they buy again.
    pub const fn lost(&self) -> usize {
        self.bought - self.shipped
    }
}

/// So many buy, each once, while this service is away; then it comes back.
pub async fn measure(way: Way, service: &'static str, options: &Options) -> Result<Away, Failed> {
    let bought = options.while_away;
    let mut shop = Shop::open(way, &options.folder, bought).await?;
    shop.turn(service, false).await?;
    let mut accepted = Vec::new();
    for number in 0..bought {
        accepted.extend(shop.buy(number).await);
    }
    shop.turn(service, true).await?;
    let shipped = shop.shipped(&accepted).await?;
    shop.close().await?;
    Ok(Away { way, service, bought, accepted: accepted.len(), shipped })
}

/// As a table.
pub fn told(all: &[Away]) -> String {
    let titles = ["away", "", "bought", "accepted", "shipped in the end", "to be bought again"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for (service, way) in AWAY.iter().flat_map(|away| Way::ALL.map(|way| (*away, way))) {
        let of = |figure: fn(&Away) -> usize| {
            let some = all.iter().filter(|one| one.way == way && one.service == service);
            Spread::of(some.map(|one| figure(one) as f64)).told(0)
        };
        rows.push(vec![
            service.to_owned(),
            way.name().to_owned(),
            of(|one| one.bought),
            of(|one| one.accepted),
            of(|one| one.shipped),
            of(Away::lost),
        ]);
    }
    rule(&rows)
}
