//! Stories that are wrong, to see that they are found, and what is said of them.

use crate::lane::shop::{Buy, Charge, Inventory, Receipt, TILL, order};
use ballet::story::{Scene, explore};
use ballet::{Outcome, Reactions, Reactor, StepError, Tx, answer};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Takes the money where no transaction can take it back, and without a key.
struct Careless(Arc<AtomicU64>);

impl Reactor for Careless {
    const NAME: &'static str = TILL;
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<Charge>(answer(Self::charge).leaves_nothing())
    }
}

impl Careless {
    async fn charge(&self, _: &mut Tx, charge: &Charge) -> Result<Receipt, StepError> {
        self.0.fetch_add(charge.cents, Ordering::SeqCst);
        Ok(Receipt { cents: charge.cents })
    }
}

async fn with_a_careless_till(scene: Scene) -> (Outcome, u64) {
    let bank = Arc::new(AtomicU64::new(0));
    let till = Arc::clone(&bank);
    scene.serve("inventory", |app| app.reactor(Inventory).start()).await;
    scene.serve("till", move |app| app.reactor(Careless(Arc::clone(&till))).start()).await;
    scene.serve("buy", |app| app.saga(Buy).start()).await;
    scene.begin::<Buy>("buy", "1", &order("1", 5)).await;
    (scene.outcome::<Buy>("buy", "1").await, bank.load(Ordering::SeqCst))
}

/// What is said of a story that is wrong.
fn complaint(told: impl FnOnce()) -> String {
    let said = catch_unwind(AssertUnwindSafe(told)).expect_err("it is found");
    said.downcast_ref::<String>().expect("in words").clone()
}

#[test]
fn money_that_is_taken_outside_of_the_transaction_is_found() {
    let told = complaint(|| {
        let _ = explore("a careless till", with_a_careless_till);
    });
    println!("{told}");
    assert!(told.starts_with("`a careless till`, told with "), "{told}");
    assert!(told.contains("a batch of till/0 is to be committed: it "), "{told}");
    assert!(told.contains("end      (Completed, 10)\nusually  (Completed, 5)\n"), "{told}");
    assert!(told.contains("run this test with BALLET_STORY="), "{told}");
}

#[test]
fn a_story_that_is_left_to_chance_is_refused() {
    let calls = AtomicU64::new(0);
    let told = complaint(|| {
        let _ = explore("chance", async |scene: Scene| {
            scene.serve("inventory", |app| app.reactor(Inventory).start()).await;
            if calls.fetch_add(1, Ordering::SeqCst) == 0 {
                scene.begin::<Buy>("inventory", "1", &order("1", 5)).await;
            }
        });
    });
    assert!(told.contains("`chance` is told otherwise the second time"), "{told}");
}
