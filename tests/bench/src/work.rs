//! What is done, over whatever it is done.

use crate::Failed;
use crate::backend::Backend;
use crate::five::Five;
use crate::five::saga::Orders;
use crate::ground::Ground;
use crate::options::Options;
use crate::stand::Stand;
use std::sync::Arc;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Sagas of five steps.
    Five,
}

impl Work {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Five => "five",
        }
    }

    /// Everybody who does it, at work in a place of their own.
    pub async fn open(
        self,
        on: Backend,
        ground: &Ground,
        options: &Options,
    ) -> Result<Arc<dyn Stand>, Failed> {
        let orders = Orders { failing: options.failing };
        match (self, on) {
            #[cfg(feature = "servers")]
            (Self::Five, Backend::Textbook | Backend::TextbookKafka) => {
                let servers = ground.servers()?;
                Ok(Arc::new(crate::textbook::Textbook::open(on, servers, orders).await?))
            }
            (Self::Five, _) => Ok(Arc::new(Five::open(on, ground, orders).await?)),
        }
    }
}
