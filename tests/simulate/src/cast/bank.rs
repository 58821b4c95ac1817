//! A bank: transfers between accounts, by sagas of three shapes.

use super::outside::Side;
use super::{record, weather::Weather};
use ballet::{
    Cx, Fault, Plan, Reactions, Reactor, Retry, Saga, StepError, Table, Tx, act, answer, ask,
    refuse,
};
use std::time::Duration;

record! {
    Move { from: String, other: String, to: String, cents: i64 }
    Debit { leg: String, account: String, cents: i64 }
    Refund { leg: String, account: String, cents: i64 }
    Credit { leg: String, account: String, cents: i64, sure: bool }
}

ballet::service! { /** What the bank may be asked. */ pub BANK = "bank" {
    Debit = "bank.debit" -> (), Refund = "bank.refund" -> (), Credit = "bank.credit" -> (),
} }

/// The accounts.
pub const ACCOUNTS: Table<String, i64> = Table::new("accounts");
/// What each leg moved.
pub const LEDGER: Table<String, Vec<i64>> = Table::new("ledger");
/// What an account holds at first.
pub const ENDOWMENT: i64 = 1_000;
/// The names of the accounts.
pub const NAMES: [&str; 4] = ["ada", "bob", "cyd", "dan"];

/// A transfer. `0`: a debit, and the credit is the pivot. `1`: two debits side by side, then the same. `2`: a
/// debit, a wire that is the pivot, and a credit that is tried until it is done.
#[derive(Debug)]
pub struct Transfer<const K: u32>(pub Weather);

impl<const K: u32> Saga for Transfer<K> {
    const NAME: &'static str = match K {
        0 => "transfer",
        1 => "pooled",
        _ => "wired",
    };
    type Input = Move;

    fn plan() -> Plan<Self> {
        let quick = Retry::every(Duration::from_millis(400));
        let within = Duration::from_secs(6);
        match K {
            0 => Plan::begin()
                .step("debit", ask(Self::debit).compensate(Self::refund).within(within))
                .step("credit", ask(Self::credit).pivot().retry(quick))
                .end(),
            1 => Plan::begin()
                .together(|side| {
                    side.step("debit", ask(Self::debit).compensate(Self::refund).within(within))
                        .step("other", ask(Self::other).compensate(Self::refund_other))
                })
                .step("credit", ask(Self::credit_both).pivot().retry(quick))
                .end(),
            _ => Plan::begin()
                .step("debit", ask(Self::debit).compensate(Self::refund).retry(quick))
                .step("wire", act(Self::wire).pivot())
                .step("credit", ask(Self::credit_surely))
                .end(),
        }
    }
}

fn leg(cx: &Cx) -> String {
    format!("{}/{}/{}", cx.saga, cx.run, cx.step)
}

impl<const K: u32> Transfer<K> {
    fn debit(cx: &Cx, m: &Move) -> Debit {
        Debit { leg: leg(cx), account: m.from.clone(), cents: m.cents }
    }
    fn refund(cx: &Cx, m: &Move) -> Refund {
        Refund { leg: leg(cx), account: m.from.clone(), cents: m.cents }
    }
    fn other(cx: &Cx, m: &Move) -> Debit {
        Debit { leg: leg(cx), account: m.other.clone(), cents: m.cents }
    }
    fn refund_other(cx: &Cx, m: &Move) -> Refund {
        Refund { leg: leg(cx), account: m.other.clone(), cents: m.cents }
    }
    fn credit(cx: &Cx, m: &Move) -> Credit {
        Credit { leg: leg(cx), account: m.to.clone(), cents: m.cents, sure: false }
    }
    fn credit_both(cx: &Cx, m: &Move) -> Credit {
        Credit { cents: 2 * m.cents, ..Self::credit(cx, m) }
    }
    fn credit_surely(cx: &Cx, m: &Move) -> Credit {
        Credit { sure: true, ..Self::credit(cx, m) }
    }
    async fn wire(&self, cx: &Cx) -> Result<(), StepError> {
        if self.0.refusal(&cx.key()).is_some() {
            return Err(refuse("no", "the wire is closed"));
        }
        Ok(self.0.book(&cx.key(), &leg(cx), Side::Forward).await?)
    }
}

/// Keeps the accounts.
#[derive(Debug)]
pub struct Bank(pub Weather);

impl Reactor for Bank {
    const NAME: &'static str = "bank";
    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .to::<Debit>(answer(Self::debit).compensate_by::<Refund>(Self::refund))
            .to::<Credit>(answer(Self::credit).leaves_nothing())
    }
}

async fn change(tx: &mut Tx, leg: &String, account: &String, cents: i64) -> Result<i64, Fault> {
    let left = tx.get(ACCOUNTS, account).await?.unwrap_or(ENDOWMENT) + cents;
    let mut moved = tx.get(LEDGER, leg).await?.unwrap_or_default();
    moved.push(cents);
    tx.put(ACCOUNTS, account, &left)?;
    tx.put(LEDGER, leg, &moved)?;
    Ok(left)
}

impl Bank {
    async fn debit(&self, tx: &mut Tx, c: &Debit) -> Result<(), StepError> {
        if change(tx, &c.leg, &c.account, -c.cents).await? < 0 {
            return Err(refuse("no_cover", &c.account));
        }
        self.0.ask(&c.leg, false)
    }
    async fn refund(&self, tx: &mut Tx, c: &Refund, (): &()) -> Result<(), Fault> {
        change(tx, &c.leg, &c.account, c.cents).await?;
        self.0.tell(&format!("{}/back", c.leg))
    }
    async fn credit(&self, tx: &mut Tx, c: &Credit) -> Result<(), StepError> {
        change(tx, &c.leg, &c.account, c.cents).await?;
        self.0.ask(&c.leg, c.sure)
    }
}
