//! What one saga and one purchase take over a SQLite file: statements and calls of the driver.
//!
//! Counted where the driver logs, on the thread of the connection that writes. There is one count for the whole
//! process, so one test counts at a time.

use bench::statements::Executed;
use budgets::{Lone, Purchases, Sagas, each, keep};
use compare::WAYS;
use compare::ground::{Ground, Place};
use shop::cast::Cast;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Whose turn it is to count.
static TURN: Mutex<()> = Mutex::new(());

const FIRST: Range<u64> = 0..5;
const COUNTED: Range<u64> = 5..55;

/// What one takes.
fn counted<L: Lone>(open: impl AsyncFnOnce(Place) -> L) -> [(&'static str, f64); 2] {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Executed::begin();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let executed = runtime.block_on(async {
        let ground = Ground::Files(std::env::temp_dir());
        let lone = open(Place::take(&ground, &[]).await.unwrap()).await;
        each(&lone, FIRST).await.unwrap();
        let before = Executed::now();
        each(&lone, COUNTED).await.unwrap();
        let executed = Executed::now().since(before);
        lone.close().await.unwrap();
        executed
    });
    // How many batches share a commit is a matter of moments: it is begun and ended, and not counted.
    let ends = 2 * executed.commits;
    let one = |all: u64| (all - ends) as f64 / (COUNTED.end - COUNTED.start) as f64;
    [("statements", one(executed.statements)), ("driver calls", one(executed.calls))]
}

#[test]
fn a_saga_of_five_steps_keeps_its_budgets_in_sqlite() {
    keep("a saga in SQLite", &counted(async |place| Sagas::at(place).await.unwrap()));
}

fn a_purchase_keeps(who: &str, cast: Cast) {
    keep(who, &counted(async |place| Purchases::at(place, cast, COUNTED.end).await.unwrap()));
}

#[test]
fn a_purchase_with_a_coordinator_keeps_its_budgets_in_sqlite() {
    a_purchase_keeps("a purchase with a coordinator in SQLite", WAYS[0].1);
}

#[test]
fn a_purchase_by_reactions_keeps_its_budgets_in_sqlite() {
    a_purchase_keeps("a purchase by reactions in SQLite", WAYS[1].1);
}
