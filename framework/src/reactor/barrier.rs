//! The barrier: what a message means to a reaction that happens once.
//!
//! For each pair of action and compensation one row is kept, in the transaction of the handler:
//!
//! ```text
//!            ┌─ action ──► calling ──► done ──┐
//!   (no row) ┤                 └────► refused ├─ compensation ──► void
//!            └─ compensation ─────────────────┴────────────────►  void: a late action is refused
//! ```
//!
//! So duplicates are answered again from the row, a compensation that comes first shuts the door, and
//! one that meets a call waits for what it brings (H26). After dtm's barrier (one row a branch) and its
//! proof that check-then-act loses, with the fourth state `calling` for effects outside the database.
//!
//! **Go or no go.** Within one reactor and business transaction the pivot and the compensations exclude
//! each other: whoever is written down first wins.
//!
//! Pure: the rows are arguments.

use crate::error::Refusal;
use crate::message::Way;
use crate::message::maybe;
use crate::mistake::Mistake;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// What is remembered of an action and its compensation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Barrier {
    /// The outside is being called, forward or back.
    Calling(Calling),
    /// The action was done.
    Done {
        /// The message that did it; `None` for commands, which may come again under a new id.
        by: Option<Uuid>,
        /// What is handed to the compensation.
        #[serde(with = "maybe")]
        made: Option<Box<RawValue>>,
        /// What is answered again to a duplicate.
        #[serde(with = "maybe")]
        reply: Option<Box<RawValue>>,
    },
    /// The business said no.
    Refused {
        /// The message that was refused.
        by: Option<Uuid>,
        /// The round of the command; a later one may be tried anew.
        round: u32,
        /// What is answered again to a duplicate.
        refusal: Refusal,
    },
    /// It was taken back, or the door was shut before it was done; `made` says which.
    Void {
        /// Whether there had been anything.
        made: bool,
    },
}

/// A call that is under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Calling {
    /// Forward or back.
    pub way: Way,
    /// The message for which the call is made.
    pub by: Option<Uuid>,
    /// For a call back: what is being taken back.
    #[serde(with = "maybe")]
    pub made: Option<Box<RawValue>>,
}

/// What an action that arrives is to do.
#[derive(Debug, Clone)]
pub enum Forward {
    /// Run it.
    Run,
    /// It was done: answer again what was answered.
    Again(Option<Box<RawValue>>),
    /// It was refused: answer so again.
    RefuseAgain(Refusal),
    /// It was taken back, or must not be done any more: refuse it.
    Void,
    /// The same is being called already: drop it.
    Drop,
    /// Another message has done the same: a mistake of the definition.
    Twice,
}

/// What a compensation that arrives is to do.
#[derive(Debug, Clone)]
pub enum Back {
    /// Run it over what was made; `None`: nothing was, and the door is shut now.
    Run(Option<Box<RawValue>>),
    /// It was taken back before; `made` says whether there had been anything.
    Again {
        /// Whether there had been anything.
        made: bool,
    },
    /// A call is under way: wait for what it brings.
    Wait,
    /// The pivot was faster.
    TooLate,
}

/// Judges an action. `by` is its message where one message does it, `round` that of its command.
#[must_use]
pub fn forward(row: Option<&Barrier>, by: Option<Uuid>, round: u32) -> Forward {
    match row {
        None => Forward::Run,
        Some(Barrier::Void { .. }) => Forward::Void,
        Some(Barrier::Calling(calling)) if calling.by == by => Forward::Drop,
        Some(Barrier::Calling(_)) => Forward::Twice,
        Some(Barrier::Done { by: earlier, .. } | Barrier::Refused { by: earlier, .. })
            if *earlier != by =>
        {
            Forward::Twice
        }
        Some(Barrier::Done { .. }) if Mistake::NoBarrier.is_made() => Forward::Run,
        Some(Barrier::Done { reply, .. }) => Forward::Again(reply.clone()),
        Some(Barrier::Refused { round: earlier, .. })
            if round > *earlier && !Mistake::SecondRoundIsRefused.is_made() =>
        {
            Forward::Run
        }
        Some(Barrier::Refused { refusal, .. }) => Forward::RefuseAgain(refusal.clone()),
    }
}

/// Judges a compensation, by the row of its pair and those of the pivots of its reactor.
#[must_use]
pub fn back<'a>(row: Option<&Barrier>, pivots: impl IntoIterator<Item = &'a Barrier>) -> Back {
    if let Some(Barrier::Void { made }) = row {
        return Back::Again { made: *made };
    }
    if matches!(row, Some(Barrier::Calling(_))) && !Mistake::CompensationPassesACall.is_made() {
        return Back::Wait;
    }
    for pivot in pivots {
        match pivot {
            Barrier::Calling(_) => return Back::Wait,
            Barrier::Done { .. } if !Mistake::TooLateIsRun.is_made() => return Back::TooLate,
            Barrier::Done { .. } | Barrier::Refused { .. } | Barrier::Void { .. } => {}
        }
    }
    match row {
        Some(Barrier::Done { made, .. }) => Back::Run(made.clone()),
        _ => Back::Run(None),
    }
}

#[cfg(test)]
mod tests {
    use super::{Back, Barrier, Calling, Forward, back, forward};
    use crate::error::Refusal;
    use crate::id::derived;
    use crate::message::Way;
    use serde_json::value::RawValue;
    use uuid::Uuid;

    fn message() -> Option<Uuid> {
        Some(derived(&["a message"]))
    }

    fn calling(way: Way) -> Barrier {
        Barrier::Calling(Calling { way, by: message(), made: None })
    }

    fn done() -> Barrier {
        let null = || Some(RawValue::NULL.to_owned());
        Barrier::Done { by: message(), made: null(), reply: null() }
    }

    fn refused(round: u32) -> Barrier {
        Barrier::Refused { by: message(), round, refusal: Refusal::new("no", "") }
    }

    /// The name of what is to be done, without what it is done with.
    fn name(what: &impl std::fmt::Debug) -> String {
        let text = format!("{what:?}");
        text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
    }

    #[test]
    fn an_action_is_judged_by_its_row() {
        let rows = [
            (None, "Run"),
            (Some(calling(Way::Forward)), "Drop"),
            (Some(calling(Way::Back)), "Drop"),
            (Some(done()), "Again"),
            (Some(refused(0)), "RefuseAgain"),
            (Some(Barrier::Void { made: false }), "Void"),
            (Some(Barrier::Void { made: true }), "Void"),
        ];
        for (row, expected) in rows {
            assert_eq!(name(&forward(row.as_ref(), message(), 0)), expected, "{row:?}");
        }
        assert!(matches!(forward(Some(&refused(0)), message(), 1), Forward::Run), "a new round");
    }

    #[test]
    fn another_message_that_does_the_same_is_a_mistake_unless_the_door_is_shut() {
        let other = Some(derived(&["another message"]));
        for row in [calling(Way::Forward), done(), refused(0)] {
            assert!(matches!(forward(Some(&row), other, 0), Forward::Twice), "{row:?}");
        }
        assert!(matches!(forward(Some(&Barrier::Void { made: true }), other, 0), Forward::Void));
    }

    /// Every state of the pair against every state of a pivot: who was written down first wins.
    #[test]
    fn a_compensation_is_judged_by_its_row_and_by_the_pivot() {
        let pairs = [
            None,
            Some(done()),
            Some(refused(0)),
            Some(calling(Way::Forward)),
            Some(Barrier::Void { made: true }),
        ];
        let pivots = [
            None,
            Some(refused(0)),
            Some(Barrier::Void { made: false }),
            Some(calling(Way::Forward)),
            Some(done()),
        ];
        for (at, pair) in pairs.iter().enumerate() {
            for (beside, pivot) in pivots.iter().enumerate() {
                let expected = match (at, beside) {
                    (4, _) => "Again",
                    (3, _) | (_, 3) => "Wait",
                    (_, 4) => "TooLate",
                    _ => "Run",
                };
                let judged = back(pair.as_ref(), pivot.as_ref());
                assert_eq!(name(&judged), expected, "{pair:?} beside {pivot:?}");
            }
        }
        assert!(matches!(back(Some(&done()), []), Back::Run(Some(_))), "it is given what was made");
        assert!(matches!(back(Some(&refused(0)), []), Back::Run(None)), "nothing was made");
    }
}
