//! What must come of a purchase, whatever happens: X1 to X22, and what else was promised.
//!
//! Each scenario is one text, played by every cast with the same assertions; it does not know who
//! plays. After each an auditor goes through the books.
//!
//! ```text
//! checks      orders that fail a check          money     payment, and what follows from it
//! delivery    parcels, letters, customers       cancel    customers who change their minds
//! broker      what a broker may do to messages  rules     checks that are added
//! failures    each step fails                   replicas  copies of other services' data
//! deaths      processes and servers go          schema    messages of another version
//! ```

mod broker;
mod cancel;
mod checks;
mod deaths;
mod delivery;
mod failures;
mod money;
mod replicas;
mod rules;
mod schema;

pub use broker::*;
pub use cancel::*;
pub use checks::*;
pub use deaths::*;
pub use delivery::*;
pub use failures::*;
pub use money::*;
pub use replicas::*;
pub use rules::*;
pub use schema::*;
