//! An action that asks why the run is taken back: it is not.
//!
//! says: nothing before this step makes `Why`

use ballet::{Fault, Plan, Why, act, ask};
use ui::Purchase;

async fn excuse(_why: &Why) -> Result<(), Fault> {
    Ok(())
}

fn plan() -> Plan<Purchase> {
    Plan::begin()
        .step("reserve", ask(Purchase::reserve).compensate(Purchase::release))
        .step("excuse", act(excuse).leaves_nothing())
        .end()
}

fn main() {
    plan();
}
