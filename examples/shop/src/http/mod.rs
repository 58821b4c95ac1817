//! The shop over HTTP, the same for both examples: customers order, operators look after it, and
//! whoever plays with it turns the dials of the outside world.
//!
//! ```text
//! entry      from a command line to a process that ends well       options   what it may say
//! server     the routes                                            answer    what is answered
//! desk       the services behind it        ground, servers   what they stand on
//! between    what tests put between the two
//! flow       how much is let in            resume   what earlier lives have accepted
//! acls       what each service may do in Kafka             mask      URLs as they may be shown
//! complain   what goes wrong while it runs, on the error output
//! orders     what customers do        operator, runs   what operators do
//! dials      the outside world        metrics          numbers          seed what is there at first
//! ```
//!
//! A `202` is said when the wish is on the disk, and not before: from then on it is known under its
//! `Location`, whether or not anybody has taken it up yet, and across restarts.

mod acls;
mod answer;
mod between;
mod complain;
mod desk;
mod dials;
mod entry;
mod flow;
mod ground;
mod mask;
mod metrics;
mod operator;
mod options;
mod orders;
mod resume;
mod runs;
mod seed;
mod server;
#[cfg(feature = "servers")]
mod servers;

pub use between::{Between, Nothing};
pub use desk::{Desk, Limits};
pub use entry::{Why, main, main_with, run};
pub use ground::Ground;
pub use options::{Asked, Options, Store};
pub use runs::Runs;
pub use seed::{PIECES, STOCKED};
pub use server::{FAREWELL, routes, serve};
#[cfg(feature = "servers")]
pub use servers::{Servers, schema_of};

use crate::cast::Cast;

/// What differs between the examples.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Its name, which is that of its program.
    pub name: &'static str,
    /// Everybody who plays.
    pub cast: Cast,
    /// Who only listens: the timeline, if nobody coordinates.
    pub beside: Cast,
    /// The runs of its saga, if anybody coordinates.
    pub runs: Option<Runs>,
}
