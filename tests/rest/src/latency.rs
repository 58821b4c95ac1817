//! How long a customer waits: for an answer, and until the parcel is on its way.

use crate::caller::milliseconds;
use crate::options::Options;
use crate::way::{Shop, Way};
use ballet::clock::Stopwatch;
use bench::Failed;
use bench::stats::{Spread, percentile};
use bench::tell::rule;
use serde::Serialize;

/// How many purchases go first: they make connections, files and caches.
const WARM: usize = 10;

/// What purchases one after the other have shown, in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Latency {
    way: Way,
    answered_p50: f64,
    answered_p99: f64,
    shipped_p50: f64,
    shipped_p99: f64,
    /// Where the time goes when services call each other.
    sum: Option<Sum>,
}

/// The mean of an answer, as a sum of what each service takes of it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sum {
    orders: f64,
    shipping: f64,
    customers: f64,
    calls_per_purchase: f64,
}

impl Sum {
    /// Of how long customers waited, Orders for Shipping, and Shipping for Customers.
    fn of(answered: &[f64], [to_shipping, to_customers]: &[Vec<f64>; 2]) -> Self {
        let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len().max(1) as f64;
        let (all, shipping, customers) = (mean(answered), mean(to_shipping), mean(to_customers));
        let calls = (to_shipping.len() + to_customers.len()) as f64;
        Self {
            orders: all - shipping,
            shipping: shipping - customers,
            customers,
            calls_per_purchase: calls / answered.len().max(1) as f64,
        }
    }
}

/// Buys one after the other; the next one buys when the parcel of the last one is on its way.
pub async fn measure(way: Way, options: &Options) -> Result<Latency, Failed> {
    let shop = Shop::open(way, &options.folder, WARM + options.purchases).await?;
    for number in 0..WARM {
        timed(&shop, number).await?;
    }
    shop.take_calls();
    let (mut answered, mut shipped) = (Vec::new(), Vec::new());
    for number in WARM..WARM + options.purchases {
        let (answer, parcel) = timed(&shop, number).await?;
        answered.push(answer);
        shipped.push(parcel);
    }
    let sum = shop.take_calls().map(|calls| Sum::of(&answered, &calls));
    shop.close().await?;
    for all in [&mut answered, &mut shipped] {
        all.sort_by(f64::total_cmp);
    }
    Ok(Latency {
        way,
        answered_p50: percentile(&answered, 50.0),
        answered_p99: percentile(&answered, 99.0),
        shipped_p50: percentile(&shipped, 50.0),
        shipped_p99: percentile(&shipped, 99.0),
        sum,
    })
}

async fn timed(shop: &Shop, number: usize) -> Result<(f64, f64), Failed> {
    let watch = Stopwatch::start();
    let accepted = shop.buy(number).await;
    let answered = milliseconds(watch);
    let accepted = accepted.ok_or("an order is refused although everybody is there")?;
    match shop.is_shipped(&accepted).await? {
        true => Ok((answered, milliseconds(watch))),
        false => Err(format!("{accepted:?} is not shipped although all is well").into()),
    }
}

/// As a table.
pub fn told(all: &[Latency]) -> String {
    let titles = ["ms", "answered p50", "p99", "shipped p50", "p99"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for way in Way::ALL {
        let of = |figure: fn(&Latency) -> f64| {
            let some = all.iter().filter(|one| one.way == way);
            Spread::of(some.map(figure)).told(1)
        };
        rows.push(vec![
            way.name().to_owned(),
            of(|one| one.answered_p50),
            of(|one| one.answered_p99),
            of(|one| one.shipped_p50),
            of(|one| one.shipped_p99),
        ]);
    }
    format!("{}{}", rule(&rows), told_sum(all))
}

fn told_sum(all: &[Latency]) -> String {
    let of = |figure: fn(&Sum) -> f64| {
        Spread::of(all.iter().filter_map(|one| one.sum.as_ref()).map(figure)).told(2)
    };
    format!(
        "an answer of rest is a sum, in the mean: orders {} + shipping {} + customers {} ms; {} calls from \
         service to service\n",
        of(|sum| sum.orders),
        of(|sum| sum.shipping),
        of(|sum| sum.customers),
        of(|sum| sum.calls_per_purchase),
    )
}

#[cfg(test)]
mod tests {
    use super::Sum;

    #[test]
    fn what_each_service_takes_comes_to_the_whole() {
        let sum = Sum::of(&[9.0, 11.0], &[vec![5.0, 7.0], vec![1.0, 3.0]]);
        let wanted = Sum { orders: 4.0, shipping: 4.0, customers: 2.0, calls_per_purchase: 2.0 };
        assert_eq!(sum, wanted);
    }
}
