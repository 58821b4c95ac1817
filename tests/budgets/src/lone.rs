//! One saga or purchase after the other, each alone: what one takes that shares with nobody.

use ballet::{Outcome, Running, Saga};
use bench::Failed;
use bench::saga::{FiveSteps, Orders, Worker};
use compare::ground::Place;
use compare::orders::of_an_ipad;
use compare::stand::{LANES, Stand};
use shop::cast::Cast;
use shop::contracts::Status;
use std::ops::Range;

/// Somebody who does one after the other. What is done has a number.
#[allow(async_fn_in_trait)] // Only tests call it.
pub trait Lone {
    /// Does one, from its beginning to its end, and sees that it ends well.
    async fn one(&self, number: u64) -> Result<(), Failed>;

    /// How many transactions all lanes have committed. Those who share a file may share what goes to the disk.
    fn commits(&self) -> u64;

    /// Ends the work, and takes away what it has left.
    async fn close(self) -> Result<(), Failed>;
}

/// Does all of these.
///
/// # Errors
///
/// What the first says that does not end well.
pub async fn each(lone: &impl Lone, numbers: Range<u64>) -> Result<(), Failed> {
    for number in numbers {
        lone.one(number).await?;
    }
    Ok(())
}

/// Begins a saga of five steps and waits for its end.
///
/// # Errors
///
/// If it ends otherwise than it should.
pub async fn saga(coordinator: &Running, number: u64) -> Result<(), Failed> {
    let order = Orders { failing: 0 }.of(number);
    let run = coordinator.begin::<FiveSteps>(number.to_string(), &order).await?;
    match run.outcome().await? {
        Outcome::Completed => Ok(()),
        ended => Err(format!("saga {number} ended otherwise: {ended:?}").into()),
    }
}

/// Sagas of five steps: coordinator and worker over one store.
pub struct Sagas {
    app: Running,
    place: Place,
}

impl Sagas {
    /// Both at work.
    ///
    /// # Errors
    ///
    /// If they cannot be.
    pub async fn at(place: Place) -> Result<Self, Failed> {
        let app =
            place.app(FiveSteps::NAME)?.lanes(LANES).saga(FiveSteps::default()).reactor(Worker);
        Ok(Self { app: app.start().await?, place })
    }
}

impl Lone for Sagas {
    async fn one(&self, number: u64) -> Result<(), Failed> {
        saga(&self.app, number).await
    }

    fn commits(&self) -> u64 {
        self.app.health().into_values().map(|lane| lane.batches).sum()
    }

    async fn close(self) -> Result<(), Failed> {
        self.app.stop().await;
        self.place.leave().await
    }
}

/// Purchases of an iPad: every service in this process.
pub struct Purchases {
    shop: Stand,
}

impl Purchases {
    /// Everybody at work, so many customers known, and enough on the shelves for them.
    ///
    /// # Errors
    ///
    /// If they cannot be.
    pub async fn at(place: Place, cast: Cast, most: u64) -> Result<Self, Failed> {
        let shop = Stand::at(place, cast, usize::try_from(most)?).await?;
        for number in 0..most {
            shop.admit(&of_an_ipad(number, false)).await?;
        }
        shop.quiet().await?;
        Ok(Self { shop })
    }
}

impl Lone for Purchases {
    async fn one(&self, number: u64) -> Result<(), Failed> {
        let wanted = of_an_ipad(number, false);
        self.shop.place(&wanted).await?;
        let row = self.shop.end_of(&wanted.order_id).await?;
        match row.order.status {
            Status::Shipped => Ok(()),
            status => Err(format!("purchase {number} ended otherwise: {status:?}").into()),
        }
    }

    fn commits(&self) -> u64 {
        self.shop.commits()
    }

    async fn close(self) -> Result<(), Failed> {
        self.shop.close().await
    }
}
