//! Where does a customer live? Asked of a copy of one's own, and of Customers.

use crate::baseline::{Baseline, Patience};
use crate::caller::{Caller, milliseconds};
use crate::options::Options;
use crate::way::buyer;
use ballet::clock::Stopwatch;
use ballet::sqlite::Sqlite;
use ballet::{App, Key, Running};
use bench::Failed;
use bench::setting::Folder;
use bench::stats::{Spread, percentile};
use bench::tell::rule;
use serde::Serialize;
use shop::contracts::{Address, CUSTOMERS, Customer, SHIPPING, SaveCustomer};
use shop::customers::Addresses;
use shop::fakes::World;
use std::sync::Arc;
use std::time::Duration;

/// How many customers there are.
const CUSTOMERS_KNOWN: usize = 20;
/// How long it may take until Shipping knows somebody.
const LONG: Duration = Duration::from_secs(60);

/// How long it took to learn an address, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Lookup {
    view_p50: f64,
    view_p99: f64,
    call_p50: f64,
    call_p99: f64,
}

/// Looks the customers up in turn, each in a view over SQLite and then by a call: both meet the same machine.
pub async fn measure(options: &Options) -> Result<Lookup, Failed> {
    let known: Vec<Customer> = (0..CUSTOMERS_KNOWN).map(buyer).collect();
    let copy = Copy::open(options, &known).await?;
    let folder = Folder::new(&options.folder)?;
    let baseline = Baseline::open(folder, &known, Patience::default()).await?;
    let caller = Caller::new(LONG);
    let (mut viewed, mut called) = (Vec::new(), Vec::new());
    for customer in known.iter().cycle().take(options.lookups) {
        let watch = Stopwatch::start();
        let found = copy.shipping.view::<Addresses>(&customer.customer_id).await?;
        viewed.push(milliseconds(watch));
        let watch = Stopwatch::start();
        let said = baseline.get_customer(&caller, &customer.customer_id).await;
        called.push(milliseconds(watch));
        let said = said.ok().and_then(|said| serde_json::from_slice::<Address>(&said.body).ok());
        if said.as_ref() != Some(&customer.address) || found.map(|row| row.address) != said {
            return Err(format!("it is not known where `{}` lives", customer.customer_id).into());
        }
    }
    baseline.close().await?;
    copy.close().await;
    let [[view_p50, view_p99], [call_p50, call_p99]] = [viewed, called].map(micros);
    Ok(Lookup { view_p50, view_p99, call_p50, call_p99 })
}

fn micros(mut milliseconds: Vec<f64>) -> [f64; 2] {
    milliseconds.sort_by(f64::total_cmp);
    [50.0, 99.0].map(|percent| percentile(&milliseconds, percent) * 1_000.0)
}

/// Shipping with a copy of what Customers knows.
struct Copy {
    customers: Running,
    shipping: Running,
    store: Arc<Sqlite>,
    _folder: Folder,
}

impl Copy {
    async fn open(options: &Options, known: &[Customer]) -> Result<Self, Failed> {
        let folder = Folder::new(&options.folder)?;
        let (store, world) = (Sqlite::open(folder.file("shop.db")).await?, World::default());
        let [customers, shipping] = [CUSTOMERS, SHIPPING].map(|name| {
            let player = choreographed::CAST.iter().find(|player| player.name == name);
            let player = player.expect("both play");
            (player.start)(App::new(store.clone()), &world)
        });
        let (customers, shipping) = (customers.await?, shipping.await?);
        for customer in known {
            let (id, ask) = (&customer.customer_id, SaveCustomer { customer: customer.clone() });
            customers.request(id, &Key::new(&**id), &ask).await?;
            let known = shipping.watch_view::<Addresses>(id, LONG, |_| true).await?;
            known.ok_or("Shipping does not hear of a customer")?;
        }
        Ok(Self { customers, shipping, store, _folder: folder })
    }

    async fn close(self) {
        for app in [self.customers, self.shipping] {
            app.stop().await;
        }
        self.store.close().await;
    }
}

/// As a table.
pub fn told(all: &[Lookup]) -> String {
    let of = |figure: fn(&Lookup) -> f64| Spread::of(all.iter().map(figure)).told(0);
    let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    rule(&[
        row(["µs", "p50", "p99"]),
        row(["a view of its own", &of(|one| one.view_p50), &of(|one| one.view_p99)]),
        row(["a call of Customers", &of(|one| one.call_p50), &of(|one| one.call_p99)]),
    ])
}
