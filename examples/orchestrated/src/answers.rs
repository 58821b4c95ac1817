//! How what the domain decides becomes an answer: the coordinator gets a reply, everybody gets the facts.

use ballet::{And, Refusal, Refused, StepError, Verdict};
use shop::contracts::{Finding, OrderValidation};

/// A reply with facts beside it, or a refusal with facts beside it.
pub(crate) type Answer<R, Y, N> = Result<Verdict<And<R, Y>, Refused<N>>, StepError>;

/// The answer to what was decided.
pub(crate) fn answer_with<R, Y, N>(
    decided: Verdict<Y, N>,
    yes: impl FnOnce(&Y) -> R,
    no: impl FnOnce(&N) -> Refusal,
) -> Verdict<And<R, Y>, Refused<N>> {
    match decided {
        Verdict::Yes(facts) => Verdict::Yes(And(yes(&facts), facts)),
        Verdict::No(facts) => Verdict::No(Refused(no(&facts), facts)),
    }
}

/// The answer of a check.
pub(crate) fn judged<R>(
    said: OrderValidation,
    reply: R,
) -> Verdict<And<R, OrderValidation>, Refused<OrderValidation>> {
    match said.verdict {
        Finding::Pass => Verdict::Yes(And(reply, said)),
        Finding::Fail | Finding::Error => Verdict::No(Refused(said.refusal(), said)),
    }
}
