//! The examples with named points at which a process ends, or stands still, by a signal to itself.
//!
//! A store and a broker stand between each service and its servers, and a listener at each wire to the
//! outside. All of them say which [`Point`] is passed; the [`Fate`] of the process, which its environment
//! decides, says whether it goes on. `docs/reference/failpoints.md` tells how it is asked for.
//!
//! ```text
//! point   the names            fate    what was asked for, and the signal
//! store, broker   that pass    told    warnings of the engine on stderr
//! ```

mod broker;
mod fate;
mod point;
mod store;
mod told;

pub use fate::{Asked, DIES_AT, FREEZES_AT, Fate};
pub use point::Point;

use broker::Passed;
use shop::fakes::{Passing, Wire, World};
use shop::http::{Between, Example, main_with};
use std::process::ExitCode;
use std::sync::Arc;
use store::Guarded;

/// Runs an example as its own `main` does, to the end that its environment asks for.
#[must_use]
pub fn main(example: &Example) -> ExitCode {
    told::on_stderr();
    match Fate::of_this_process(|name| std::env::var(name).ok()) {
        Ok(fates) => main_with(example, Arc::new(Points { fates: fates.into() })),
        Err(why) => {
            eprintln!("{}: {why}", example.name);
            ExitCode::from(2)
        }
    }
}

/// All points of a process.
#[derive(Clone)]
struct Points {
    fates: Arc<[Fate]>,
}

impl Points {
    /// A service passes a point, if it does.
    fn pass(&self, service: &str, point: Point) {
        self.fates.iter().for_each(|fate| fate.pass(service, point));
    }
}

impl Between for Points {
    fn store(
        &self,
        service: &'static str,
        store: Arc<dyn ballet::store::Store>,
    ) -> Arc<dyn ballet::store::Store> {
        Arc::new(Guarded { service, points: self.clone(), store })
    }

    fn broker(
        &self,
        service: &'static str,
        broker: Arc<dyn ballet::broker::Broker>,
    ) -> Arc<dyn ballet::broker::Broker> {
        Arc::new(Passed { service, points: self.clone(), broker })
    }

    fn world(&self, world: World) -> World {
        use shop::contracts::{NOTIFICATION, PAYMENTS, SHIPPING};
        let wires: [(&'static str, &Wire); 3] = [
            (PAYMENTS, &world.provider.wire),
            (SHIPPING, &world.carrier.wire),
            (NOTIFICATION, &world.mail.wire),
        ];
        for (service, wire) in wires {
            let points = self.clone();
            wire.listen(move |passing| match passing {
                Passing::Call => points.pass(service, Point::Call),
                Passing::Called => points.pass(service, Point::Called),
            });
        }
        world
    }
}
