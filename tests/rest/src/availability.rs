//! Services come and go: how many purchases meet all whom they need.

use crate::options::Options;
use crate::way::{Accepted, Shop, Way};
use ballet::id::derived;
use bench::Failed;
use bench::stats::Spread;
use bench::tell::rule;
use serde::Serialize;
use shop::contracts::{CUSTOMERS, ORDERS, SHIPPING};

/// The services that come and go.
const SERVICES: [&str; 3] = [ORDERS, SHIPPING, CUSTOMERS];

/// Who is away at a purchase, in the order of [`SERVICES`].
pub type Draw = [bool; 3];

/// Draws who is away at each of so many purchases, each service in so many cases of a hundred.
pub fn draws(seed: u64, count: usize, away: u64) -> Vec<Draw> {
    let mut dice = Dice(derived(&["availability", &seed.to_string()]).as_u64_pair().0);
    (0..count).map(|_| SERVICES.map(|_| dice.below(100) < away)).collect()
}

/// Numbers drawn from a seed (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// What came of purchases while services came and went.
#[derive(Debug, Clone, Serialize)]
pub struct Availability {
    pub way: Way,
    pub bought: usize,
    pub accepted: usize,
    pub shipped: usize,
    /// In how many draws everybody is there whom an answer needs.
    pub by_the_draws: usize,
    /// The same in the mean of all draws: the product of what each service is there.
    pub by_the_product: f64,
}

/// Of how many services an answer needs all: of the chain, or of Orders alone.
const fn needed(way: Way) -> usize {
    match way {
        Way::Rest => 3,
        Way::Orchestrated | Way::Choreographed => 1,
    }
}

/// The share of answers that are had when each of so many services is away in so many cases of a hundred.
pub fn product(services: usize, away: u64) -> f64 {
    (0..services).fold(1.0, |share, _| share * (1.0 - away as f64 / 100.0))
}

/// Each buys once, while those whom the draw says are away; they are back before the next one buys.
pub async fn measure(way: Way, seed: u64, options: &Options) -> Result<Availability, Failed> {
    let draws = draws(seed, options.draws, options.away);
    let mut shop = Shop::open(way, &options.folder, draws.len()).await?;
    let mut accepted = Vec::new();
    for (number, draw) in draws.iter().enumerate() {
        accepted.extend(buy(&mut shop, number, draw).await?);
    }
    let shipped = shop.shipped(&accepted).await?;
    shop.close().await?;
    let needed = needed(way);
    Ok(Availability {
        way,
        bought: draws.len(),
        accepted: accepted.len(),
        shipped,
        by_the_draws: draws.iter().filter(|away| !away[..needed].contains(&true)).count(),
        by_the_product: product(needed, options.away) * draws.len() as f64,
    })
}

async fn buy(shop: &mut Shop, number: usize, draw: &Draw) -> Result<Option<Accepted>, Failed> {
    let away = || SERVICES.into_iter().zip(draw).filter(|(_, is_away)| **is_away);
    // Who ends the program goes last and comes back first.
    for (service, _) in away().rev() {
        shop.turn(service, false).await?;
    }
    let accepted = shop.buy(number).await;
    for (service, _) in away() {
        shop.turn(service, true).await?;
    }
    Ok(accepted)
}

/// As a table.
pub fn told(all: &[Availability]) -> String {
    let titles = ["", "bought", "accepted", "by the draws", "by the product", "shipped in the end"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for way in Way::ALL {
        let of = |figure: fn(&Availability) -> f64| {
            Spread::of(all.iter().filter(|one| one.way == way).map(figure)).told(0)
        };
        rows.push(vec![
            way.name().to_owned(),
            of(|one| one.bought as f64),
            of(|one| one.accepted as f64),
            of(|one| one.by_the_draws as f64),
            of(|one| one.by_the_product),
            of(|one| one.shipped as f64),
        ]);
    }
    rule(&rows)
}
