//! Who is asked by the drawn saga: one that works in its transaction, and one that calls the outside.

use super::outside::Side;
use super::{record, weather::Weather};
use ballet::{Call, Fault, Reactions, Reactor, StepError, Table, Tx, answer, call};

record! {
    DoAlpha { pair: String, sure: bool }
    UndoAlpha { pair: String }
    TellAlpha { pair: String, sure: bool }
    DoBeta { pair: String, sure: bool }
    UndoBeta { pair: String }
}

ballet::service! { /** What Alpha may be asked. */ pub ALPHA = "alpha" {
    DoAlpha = "alpha.do" -> (), UndoAlpha = "alpha.undo" -> (), TellAlpha = "alpha.tell" -> (),
} }
ballet::service! { /** What Beta may be asked. */ pub BETA = "beta" {
    DoBeta = "beta.do" -> (), UndoBeta = "beta.undo" -> (),
} }

/// What was done and taken back, by `saga/run/step`.
pub const TALLY: Table<String, Vec<i64>> = Table::new("tally");

async fn count(tx: &mut Tx, pair: &String, change: i64) -> Result<(), Fault> {
    let mut done = tx.get(TALLY, pair).await?.unwrap_or_default();
    done.push(change);
    tx.put(TALLY, pair, &done)
}

/// Works in its transaction.
#[derive(Debug)]
pub struct Alpha(pub Weather);

impl Reactor for Alpha {
    const NAME: &'static str = "alpha";
    fn reactions() -> Reactions<Self> {
        Reactions::new()
            .to::<DoAlpha>(answer(Self::work).compensate_by::<UndoAlpha>(Self::undo))
            .to::<TellAlpha>(answer(Self::note).leaves_nothing())
    }
}

impl Alpha {
    async fn work(&self, tx: &mut Tx, c: &DoAlpha) -> Result<(), StepError> {
        // Whoever refuses or faults has written already: nobody may ever see that.
        count(tx, &c.pair, 1).await?;
        self.0.ask(&c.pair, c.sure)?;
        Ok(())
    }
    async fn undo(&self, tx: &mut Tx, c: &UndoAlpha, (): &()) -> Result<(), Fault> {
        count(tx, &c.pair, -1).await?;
        self.0.tell(&format!("{}/back", c.pair))
    }
    async fn note(&self, tx: &mut Tx, c: &TellAlpha) -> Result<(), StepError> {
        count(tx, &c.pair, 1).await?;
        if c.sure {
            self.0.tell(&c.pair)?
        } else {
            self.0.ask(&c.pair, false)?
        }
        Ok(())
    }
}

/// Calls the outside, forward and back.
#[derive(Debug)]
pub struct Beta(pub Weather);

impl Reactor for Beta {
    const NAME: &'static str = "beta";
    fn reactions() -> Reactions<Self> {
        Reactions::new().to::<DoBeta>(
            call(Self::charge)
                .answer(Self::charged)
                .compensate_by_call::<UndoBeta, _>(Self::give_back, Self::given_back),
        )
    }
}

/// What the outside said.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Said {
    refused: bool,
}

impl Beta {
    async fn charge(&self, call: &Call, c: &DoBeta) -> Result<Said, Fault> {
        if self.0.ask(&c.pair, c.sure).is_err_and(|told| matches!(told, StepError::Refused(_))) {
            return Ok(Said { refused: true });
        }
        self.0.book(&call.key, &c.pair, Side::Forward).await?;
        Ok(Said { refused: false })
    }
    async fn charged(&self, tx: &mut Tx, c: &DoBeta, said: &Said) -> Result<(), StepError> {
        if said.refused {
            return Err(ballet::refuse("no", &c.pair));
        }
        count(tx, &c.pair, 1).await?;
        Ok(())
    }
    async fn give_back(&self, call: &Call, c: &UndoBeta, (): &()) -> Result<(), Fault> {
        self.0.book(&call.key, &c.pair, Side::Back).await
    }
    async fn given_back(&self, tx: &mut Tx, c: &UndoBeta, _: &()) -> Result<(), Fault> {
        count(tx, &c.pair, -1).await
    }
}
