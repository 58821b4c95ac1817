//! What is done, over whatever it is done.

use crate::Failed;
use crate::backend::Backend;
use crate::five::Five;
use crate::five::saga::Orders;
use crate::ground::Ground;
use crate::options::Options;
use crate::purchase::Purchase;
use crate::stand::Stand;
use std::sync::Arc;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Sagas of five steps.
    Five,
    /// Purchases with a coordinator.
    Orchestrated,
    /// Purchases by reactions.
    Choreographed,
}

impl Work {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Five => "five",
            Self::Orchestrated => compare::WAYS[0].0,
            Self::Choreographed => compare::WAYS[1].0,
        }
    }

    /// Everybody who does it, at work in a place of their own.
    pub async fn open(
        self,
        on: Backend,
        ground: &Ground,
        options: &Options,
    ) -> Result<Arc<dyn Stand>, Failed> {
        let way = match self {
            Self::Five => None,
            Self::Orchestrated => Some(compare::WAYS[0].1),
            Self::Choreographed => Some(compare::WAYS[1].1),
        };
        if let Some(cast) = way {
            let most =
                options.warm + options.settled + options.loads.len() as u64 * options.count();
            let failing = options.failing;
            return Ok(Arc::new(Purchase::open(on, ground, cast, failing, most).await?));
        }
        let orders = Orders { failing: options.failing };
        match on {
            #[cfg(feature = "servers")]
            Backend::Textbook | Backend::TextbookKafka => {
                let servers = ground.servers()?;
                Ok(Arc::new(crate::textbook::Textbook::open(on, servers, orders).await?))
            }
            _ => Ok(Arc::new(Five::open(on, ground, orders).await?)),
        }
    }
}
