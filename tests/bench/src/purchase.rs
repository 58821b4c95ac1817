//! The purchase of an iPad, with a coordinator or by reactions, with all its services in this process.

use crate::Failed;
use crate::backend::Backend;
use crate::ground::Ground;
use crate::stand::{Counts, Stand};
use async_trait::async_trait;
use compare::ground::Ground as Place;
use compare::orders::{Wanted, of_an_ipad};
use compare::stand::Stand as Shop;
use shop::cast::Cast;
use shop::contracts::Status;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinSet;

/// How many customers are made known at a time.
const AT_A_TIME: u64 = 64;

/// A shop at work.
pub struct Purchase {
    shop: Shop,
    /// Of a hundred, so many have a card that is declined.
    failing: u64,
    /// Up to which number customers are known.
    known: AtomicU64,
}

impl Purchase {
    /// A shop that has enough for so many.
    pub async fn open(
        on: Backend,
        ground: &Ground,
        cast: Cast,
        failing: u64,
        most: u64,
    ) -> Result<Self, Failed> {
        let place = place(on, ground)?;
        let shop = Shop::open(cast, &place, usize::try_from(most)?).await?;
        Ok(Self { shop, failing, known: AtomicU64::new(0) })
    }

    fn wanted(&self, number: u64) -> Wanted {
        of_an_ipad(number, number * 37 % 100 < self.failing)
    }
}

fn place(on: Backend, ground: &Ground) -> Result<Place, Failed> {
    match on {
        Backend::Memory => Ok(Place::Memory),
        Backend::Sqlite => Ok(Place::Files(ground.folder.clone())),
        #[cfg(feature = "servers")]
        Backend::Postgres | Backend::Kafka => Ok(Place::Servers(ground.servers()?.shop(on)?)),
        _ => Err(format!("there is no purchase over `{}`", on.name()).into()),
    }
}

#[async_trait]
impl Stand for Purchase {
    /// Every customer buys once, for who buys more is looked at.
    async fn prepare(self: Arc<Self>, end: u64) -> Result<(), Failed> {
        let first = self.known.fetch_max(end, Ordering::Relaxed);
        for from in (first..end).step_by(usize::try_from(AT_A_TIME)?) {
            let mut all = JoinSet::new();
            for number in from..end.min(from + AT_A_TIME) {
                let this = Arc::clone(&self);
                all.spawn(async move { this.shop.admit(&this.wanted(number)).await });
            }
            while let Some(one) = all.join_next().await {
                one??;
            }
        }
        self.shop.quiet().await
    }

    async fn one(&self, number: u64) -> Result<(), Failed> {
        let wanted = self.wanted(number);
        self.shop.place(&wanted).await?;
        let row = self.shop.end_of(&wanted.order_id).await?;
        match row.order.status == Status::Shipped {
            is_shipped if is_shipped != wanted.declined => Ok(()),
            _ => Err(format!("purchase {number} ended otherwise: {:?}", row.order.status).into()),
        }
    }

    /// What is said after the end of a purchase belongs to it, too.
    async fn counts(&self) -> Result<Counts, Failed> {
        self.shop.quiet().await?;
        Ok(Counts { messages: self.shop.messages().await?, batches: self.shop.commits() })
    }

    fn messages_of(&self, _: u64, _: u64) -> Option<u64> {
        None
    }

    async fn check(&self, count: u64) -> Result<(), Failed> {
        let books = self.shop.books().await?;
        let breaches = shop::audit::audit(&books);
        if let Some(first) = breaches.first() {
            return Err(format!("the auditor finds {}, as {first}", breaches.len()).into());
        }
        let shipped = books.orders.values().filter(|row| row.order.status == Status::Shipped);
        let wanted = (0..count).filter(|number| !self.wanted(*number).declined).count();
        match (books.orders.len() as u64, shipped.count()) {
            (all, shipped) if all == count && shipped == wanted => Ok(()),
            (all, shipped) => Err(format!(
                "{shipped} of {all} purchases were shipped, and {wanted} of {count} are right"
            )
            .into()),
        }
    }

    async fn close(self: Arc<Self>) -> Result<(), Failed> {
        let Some(this) = Arc::into_inner(self) else {
            return Err("somebody still works here".into());
        };
        this.shop.close().await
    }
}
