//! Damage: a row of a service that somebody has overwritten by hand, and has put right again.

use crate::cast::Player;
use crate::contracts::{INVENTORY, OrderId};
use crate::inventory::{RESERVATIONS, Reservation};
use crate::stage::Stage;
use ballet::{Reactions, Reactor, StepError, Table, Tx, answer, service};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The same rows, as somebody sees them who does not know what they are.
const ROWS: Table<OrderId, Value> = Table::new(RESERVATIONS.name());

/// Write this there, whatever it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Overwrite {
    order_id: OrderId,
    row: Value,
}

service! { BY_HAND = "inventory" { Overwrite = "reservation.overwrite" -> () } }

/// Somebody with access to the tables of Inventory.
#[derive(Default)]
struct ByHand;

impl Reactor for ByHand {
    const NAME: &'static str = INVENTORY;

    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Overwrite>(answer(Self::overwrite).leaves_nothing())
    }
}

impl ByHand {
    async fn overwrite(&self, tx: &mut Tx, ask: &Overwrite) -> Result<(), StepError> {
        Ok(tx.put(ROWS, &ask.order_id, &ask.row)?)
    }
}

impl Stage {
    /// What Inventory keeps for an order becomes unreadable.
    ///
    /// # Panics
    ///
    /// If nothing is kept for it.
    pub async fn damage(&mut self, order_id: &str) -> Reservation {
        let kept = self.books().await.reservations.remove(&self.number(order_id));
        let kept = kept.unwrap_or_else(|| panic!("nothing is kept for {order_id}"));
        self.overwrite(order_id, json!("whatever")).await;
        kept
    }

    /// Somebody puts it right.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub async fn repair(&mut self, order_id: &str, kept: &Reservation) {
        self.overwrite(order_id, serde_json::to_value(kept).expect("it is plain data")).await;
    }

    /// Inventory is away for that moment: the table has one writer at a time.
    async fn overwrite(&mut self, order_id: &str, row: Value) {
        self.kill(INVENTORY).await;
        self.start_as(Player::of::<ByHand>()).await;
        let order_id = self.number(order_id);
        let about = order_id.clone();
        self.ask(&about, &Overwrite { order_id, row }).await.expect("it is written");
        self.kill(INVENTORY).await;
        self.start(INVENTORY).await;
    }
}
