//! A saga whose plan is drawn from the seed: its steps only say which step of which run they are.

use super::outside::Side;
use super::participants::{DoAlpha, DoBeta, TellAlpha, UndoAlpha, UndoBeta};
use super::{plans, record, weather::Weather};
use ballet::{Cx, Fault, Plan, Saga, StepError, refuse};

record! {
    Deal { n: u64 }
}

/// The saga, in version `V` of its plan.
#[derive(Debug)]
pub struct Drawn<const V: u32>(pub Weather);

impl<const V: u32> Saga for Drawn<V> {
    const NAME: &'static str = "drawn";
    const VERSION: u32 = V;
    type Input = Deal;

    fn plan() -> Plan<Self> {
        plans::build::<V>(&plans::told(V))
    }
}

fn pair(cx: &Cx) -> String {
    format!("{}/{}/{}", cx.saga, cx.run, cx.step)
}

impl<const V: u32> Drawn<V> {
    pub(super) async fn act(&self, cx: &Cx) -> Result<(), StepError> {
        if self.0.refusal(&cx.key()).is_some() {
            return Err(refuse("no", cx.key()));
        }
        self.act_surely(cx).await.map_err(StepError::from)
    }
    pub(super) async fn act_surely(&self, cx: &Cx) -> Result<(), Fault> {
        self.0.book(&cx.key(), &pair(cx), Side::Forward).await
    }
    pub(super) async fn unact(&self, cx: &Cx) -> Result<(), Fault> {
        self.0.book(&cx.key(), &pair(cx), Side::Back).await
    }
    pub(super) fn ask_alpha(cx: &Cx) -> DoAlpha {
        DoAlpha { pair: pair(cx), sure: false }
    }
    pub(super) fn ask_alpha_surely(cx: &Cx) -> DoAlpha {
        DoAlpha { pair: pair(cx), sure: true }
    }
    pub(super) fn undo_alpha(cx: &Cx) -> UndoAlpha {
        UndoAlpha { pair: pair(cx) }
    }
    pub(super) fn ask_beta(cx: &Cx) -> DoBeta {
        DoBeta { pair: pair(cx), sure: false }
    }
    pub(super) fn ask_beta_surely(cx: &Cx) -> DoBeta {
        DoBeta { pair: pair(cx), sure: true }
    }
    pub(super) fn undo_beta(cx: &Cx) -> UndoBeta {
        UndoBeta { pair: pair(cx) }
    }
    pub(super) fn ask_note(cx: &Cx) -> TellAlpha {
        TellAlpha { pair: pair(cx), sure: false }
    }
    pub(super) fn tell(cx: &Cx) -> TellAlpha {
        TellAlpha { pair: pair(cx), sure: true }
    }
    pub(super) fn close(cx: &Cx) -> TellAlpha {
        TellAlpha { pair: format!("{}/closed", pair(cx)), sure: true }
    }
    pub(super) fn needs(&self, cx: &Cx) -> bool {
        !plans::is_maybe(V, cx.step) || self.0.needs(&pair(cx))
    }
}
