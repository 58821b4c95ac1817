//! How what the domain decides becomes an answer: the coordinator gets a reply, everybody gets the
//! facts.

use ballet::{And, Fault, Refusal, Refused, StepError, Verdict};
use shop::contracts::{Finding, OrderValidation};

/// A reply with facts beside it, or a refusal with facts beside it.
pub(crate) type Answer<R, Y, N> = Result<Verdict<And<R, Y>, Refused<N>>, StepError>;

/// Facts, and a reply that says no more than that it was done.
pub(crate) type Noted<F> = Result<And<(), F>, StepError>;

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
) -> Answer<R, OrderValidation, OrderValidation> {
    match said.verdict {
        Finding::Pass => Ok(Verdict::Yes(And(reply, said))),
        Finding::Fail => Ok(Verdict::No(Refused(said.refusal(), said))),
        // What could not be checked is checked again.
        Finding::Error => Err(Fault::new(format!("`{}` could not be checked", said.check)).into()),
    }
}
