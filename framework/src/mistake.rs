//! Deliberate mistakes: places at which the engine can be told to do the wrong thing, to see whether the
//! tests notice.
//!
//! Each stands where the right rule is kept, as one short condition, so that the rule reads as before:
//!
//! ```text
//! if found == advance.epoch || Mistake::NoEpoch.is_made() { .. }
//! ```
//!
//! Without the feature `mistakes` none is ever made, and the compiler leaves them out. With it a process
//! makes the one that its environment names, as in `BALLET_MISTAKE=no-epoch`. Which tests catch which stands
//! in `docs/internals/proof.md`; `cargo run -p mistakes` finds it out.

/// One row a mistake: its name, who is expected to catch it, the classes of failure that it stands for,
/// and what the engine does then.
macro_rules! mistakes {
    ($($mistake:ident $name:literal $layer:ident $classes:literal $what:literal;)*) => {
        /// A deliberate mistake of the engine.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        // Only the feature shows it to others.
        #[cfg_attr(not(feature = "mistakes"), allow(unreachable_pub))]
        pub enum Mistake {
            $(#[doc = concat!("The engine ", $what, ".")] $mistake,)*
        }

        /// All of them, in the order of the table.
        #[cfg(feature = "mistakes")]
        pub const ALL: &[Row] = &[$(Row {
            mistake: Mistake::$mistake,
            name: $name,
            layer: Layer::$layer,
            classes: $classes,
            what: $what,
        }),*];

        // Some are made by adapters that are not part of every build.
        #[cfg(not(feature = "mistakes"))]
        const _: &[Mistake] = &[$(Mistake::$mistake),*];
    };
}

mistakes! {
    // From the classes of failure and the holes of the design.
    WatermarkEdges "watermark-edges" Lane "H3 F7"
        "takes whatever number of an edge is higher than the last, and so never sees a gap";
    NoEdges "no-edges" Lane "F14"
        "takes every message as often as it comes";
    EdgeForgetsItself "edge-forgets-itself" Lane "F14 F15"
        "does not write down how far an edge was taken";
    EdgeOfTopic "edge-of-topic" Lane "F3"
        "keeps one number for all topics of a source";
    HoldForEver "hold-for-ever" Lane "H3"
        "does not let go of what was held for a gap when the gap is filled";
    GapLetThrough "gap-let-through" Lane "H3"
        "takes what is held for a gap as soon as the next batch comes";
    NewestLeftoversFirst "newest-leftovers-first" Lane "H2"
        "publishes what the owner before it left with the newest batch first";
    NoLeftovers "no-leftovers" Lane "H2 F5"
        "does not publish what the owner before it left";
    MarkBeforeAcknowledged "mark-before-acknowledged" Lane "F5"
        "marks a batch as published when it is handed over";
    MarkAll "mark-all" Lane "F5 F6"
        "marks the batches that wait as published when the one before them is";
    PublishBeforeCommit "publish-before-commit" Lane "F14"
        "hands messages over before the batch is committed";
    PublishOutOfOrder "publish-out-of-order" Lane "F6"
        "hands the messages of a batch over in another order";
    NoSecondTry "no-second-try" Lane "F6"
        "goes on with the next batch when the broker fails";
    HalfABatchAgain "half-a-batch-again" Lane "F6"
        "sends again only what it thinks is missing";
    NoEpoch "no-epoch" Conformance "F13 F22"
        "does not compare the epoch when it begins a batch";
    NoBatchNumber "no-batch-number" Conformance "F42 H17"
        "does not compare the number of the batch";
    TakeWithoutEpoch "take-without-epoch" Conformance "F13 F22"
        "takes a lane over without a new epoch";
    GiveUpWhenLost "give-up-when-lost" Lane "H10"
        "does not take a lane again that it lost while it is assigned to it";
    RecallOfAnotherOwner "recall-of-another-owner" Lane "F13 H12"
        "goes on from what it remembers of a lane that another has owned meanwhile";
    TakenForAbsent "taken-for-absent" Conformance "F28 F34"
        "does not see that something is where it took it that there is nothing";
    TrustsForEver "trusts-for-ever" Lane "F28 F34"
        "takes for absent what it has just found";
    PositionApart "position-apart" Lane "F13 F14"
        "writes its position in a transaction of its own, before the effects";
    PositionAfter "position-after" Lane "F13 F14"
        "writes its position in a transaction of its own, after the effects";
    PositionFromTheEnd "position-from-the-end" Lane "F18"
        "begins at the end of the log when it takes a lane over";
    UnknownIsFailed "unknown-is-failed" Lane "F42"
        "takes an unknown commit for one that failed, and goes on with what it had in memory";
    UnknownIsDone "unknown-is-done" Lane "F42 H17"
        "takes an unknown commit for one that happened";
    TimersFirst "timers-first" Lane "H16"
        "fires what is due before it has read what is there";
    TimersWhileBehind "timers-while-behind" Lane "H16 F53"
        "lets time pass while the lane is behind";
    TimerTwice "timer-twice" Lane "F25"
        "does not delete a timer that has fired";
    TimerLost "timer-lost" Lane "F25"
        "does not write a timer down again when it is set anew";
    TimerOfMemory "timer-of-memory" Lane "F25"
        "keeps timers in memory only";
    NoBarrier "no-barrier" Framework "F28 F31"
        "runs a command as often as it comes under other numbers";
    BarrierForgetsVoid "barrier-forgets-void" Lane "F28"
        "a compensation that comes first leaves no mark";
    BarrierAnswersAnew "barrier-answers-anew" Lane "F30"
        "answers a command that comes again without the reply that it had written down";
    BarrierByAttempt "barrier-by-attempt" Lane "H4 H23"
        "takes a second attempt for another command";
    BarrierBeforeTheEffect "barrier-before-the-effect" Lane "F28"
        "writes the barrier in a batch of its own, before the effect";
    CompensateWhatWasAsked "compensate-what-was-asked" Lane "F31"
        "gives the compensation the request and not what was made";
    RefusalKeepsWrites "refusal-keeps-writes" Lane "F29"
        "keeps what a handler had written before it refused";
    FaultKeepsWrites "fault-keeps-writes" Lane "F29"
        "keeps what a handler had written before it faulted";
    FaultIsARefusal "fault-is-a-refusal" Lane "F29"
        "answers a fault with a no";
    RepliesByAttempt "replies-by-attempt" Lane "H23"
        "drops the reply to an attempt that is not the last";
    AnyReply "any-reply" Decide "F26"
        "applies a reply to whatever step waits";
    ReplyToAnEndedStep "reply-to-an-ended-step" Decide "F26"
        "applies a reply once more to a step that was taken back";
    UnknownIsNotCompensated "unknown-is-not-compensated" Decide "F27"
        "does not take back a step whose time was up";
    UnknownIsRefused "unknown-is-refused" Decide "F27 F29"
        "takes a step whose time is up for one that has refused";
    LateSuccessIsDropped "late-success-is-dropped" Decide "F27"
        "forgets what a step has made that answers after it was taken back";
    CompensateInOrder "compensate-in-order" Decide "F33"
        "takes steps back in the order in which they were made";
    CompensateHalf "compensate-half" Decide "F33"
        "takes back only the latter half of the steps";
    CompensateWhileInFlight "compensate-while-in-flight" Decide "F33 H24"
        "takes back before those that are under way have answered";
    GoOnAfterTheDecision "go-on-after-the-decision" Decide "F33"
        "begins a step although the run is to be taken back";
    CancelAfterThePivot "cancel-after-the-pivot" Decide "H24 H25"
        "takes a run back whose pivot was made";
    CancelBesideThePivot "cancel-beside-the-pivot" Decide "H24"
        "takes a run back while its pivot is under way";
    GiveUpOnCompensations "give-up-on-compensations" Decide "F32"
        "ends a step whose compensation has failed too often as if it were taken back";
    BeginTwice "begin-twice" Lane "F34"
        "begins a run anew that there is already";
    BeginAnyInput "begin-any-input" Lane "H33"
        "does not compare the input of a run that there is already";
    ReadsWhatWasFetched "reads-what-was-fetched" Lane "H12"
        "does not see what a message before it in the batch has written";
    DiscoveryCounts "discovery-counts" Lane "H12 F14"
        "keeps what a handler says while it is only asked what it reads";
    ParkWithoutItsKey "park-without-its-key" Lane "F16 H15"
        "lets later messages of a key pass one that was set aside";
    ParkedInMemory "parked-in-memory" Lane "H15"
        "does not write down what is set aside";
    ReleaseInAnyOrder "release-in-any-order" Lane "H15"
        "puts what faults again behind the later messages of its key";
    CompensationBehindItsForward "compensation-behind-its-forward" Lane "H14"
        "sets a compensation aside behind its own command";
    NoStorm "no-storm" Lane "H13"
        "gives messages up while the store is away";
    FirstFaultIsDeath "first-fault-is-death" Lane "F16"
        "gives a message up at its first fault";
    DeadAndNotWritten "dead-and-not-written" Lane "F16"
        "goes on past a message that it gives up without keeping it";
    ReplayByEdge "replay-by-edge" Lane "H8"
        "drops a replayed letter, for its number was taken";
    ForeignAgain "foreign-again" Lane "H9"
        "takes what comes without an edge as often as it comes";
    ForgetTooEarly "forget-too-early" Conformance "H9 F15"
        "forgets foreign ids while they can still come again";
    CallWithoutKey "call-without-key" Lane "H26 H27"
        "makes each attempt of a call under a new key";
    CallForgotten "call-forgotten" Lane "H26"
        "does not make a call again that was under way when its process died";
    CompensationPassesACall "compensation-passes-a-call" Framework "H26"
        "takes back what a call may still bring about";
    CallTwiceInALife "call-twice-in-a-life" Decide "H26"
        "makes a call again while its first attempt goes on";
    CutUnpublished "cut-unpublished" Conformance "H6 F10"
        "deletes batches that have not reached the broker";
    CutUnread "cut-unread" Conformance "F18"
        "deletes messages of the log that a group has not read";
    RowsApart "rows-apart" Lane "F36"
        "writes rows, and so views, in a transaction before that of its position";
    ViewForgets "view-forgets" Lane "F36"
        "folds every message of a key as if it were the first";
    ViewResumesAtTheEnd "view-resumes-at-the-end" Lane "F38"
        "begins a new view with what is said from now on";
    InboxTwice "inbox-twice" Lane "F14"
        "leaves a row in the inbox that was handled";
    InboxLost "inbox-lost" Lane "F14"
        "deletes a row of the inbox before it was handled";
    HandedBesideTheInbox "handed-beside-the-inbox" Conformance "H33"
        "begins what was handed over though the same waits in the inbox";
    AnsweredTooSoon "answered-too-soon" Lane "F5 F34"
        "answers whoever hands something over before the batch is committed";
    TwoOwnersInAProcess "two-owners-in-a-process" Lane "F22"
        "starts a lane again before the task before it has ended";
    LeaveBeforeRest "leave-before-rest" Lane "F54"
        "leaves its group before its lanes have come to rest";
    HopsAreNotCounted "hops-are-not-counted" Lane "F40"
        "sends every message with the hops of the one that it follows from";

    // From reading the engine alone.
    TimePassesAtTakeOver "time-passes-at-take-over" Lane "H16"
        "fires timers before it has read what stood in the log when it took the lane";
    NotYetHoldsItsKey "not-yet-holds-its-key" Lane "F16"
        "lets a message for which it is too early hold its key";
    TriedBeforeMarked "tried-before-marked" Lane "H13 F16"
        "tries alone what may end its process before it has written down which one that is";
    ClockGoesBack "clock-goes-back" Conformance "F24"
        "lets the clock of a lane go back with that of the machine";
    NumbersAreBurnt "numbers-are-burnt" Lane "H3"
        "does not give back the number of a message that was never said";
    NoMargin "no-margin" Decide "H22"
        "takes a silent step back the moment that its time is up";
    TooLateIsRun "too-late-is-run" Framework "F33"
        "takes back although the pivot of the reactor was done";
    SecondRoundIsRefused "second-round-is-refused" Framework "H25"
        "refuses a later round of a step as it refused the first";
    AnyPlan "any-plan" Lane "H19 F49"
        "lets a run whose plan it does not know follow the current one";
    RingsTooLate "rings-too-late" Lane "F25"
        "does not set the timer of a run forward when it has to ring earlier";
}

impl Mistake {
    /// Whether this process makes it: never without the feature.
    #[cfg(not(feature = "mistakes"))]
    #[must_use]
    pub(crate) const fn is_made(self) -> bool {
        false
    }

    /// Whether this process makes it.
    ///
    /// # Panics
    ///
    /// If the environment names a mistake that there is not.
    #[cfg(feature = "mistakes")]
    #[must_use]
    pub fn is_made(self) -> bool {
        chosen::chosen() == Some(self)
    }
}

#[cfg(feature = "mistakes")]
pub use chosen::{Layer, Row, VARIABLE};

#[cfg(feature = "mistakes")]
mod chosen {
    use super::{ALL, Mistake};
    use std::sync::OnceLock;

    /// The variable of the environment that names the mistake.
    pub const VARIABLE: &str = "BALLET_MISTAKE";

    /// What is known of a mistake.
    #[derive(Debug, Clone, Copy)]
    pub struct Row {
        /// The mistake.
        pub mistake: Mistake,
        /// Its name in the environment and in tables.
        pub name: &'static str,
        /// Who is expected to catch it.
        pub layer: Layer,
        /// The classes of failure and the rules that it stands for.
        pub classes: &'static str,
        /// What the engine does then; the engine is the subject of the sentence.
        pub what: &'static str,
    }

    /// Tests that may catch a mistake, the cheapest first.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Layer {
        /// Beside the code.
        Framework,
        /// What every store and broker does the same.
        Conformance,
        /// The protocol, by examples.
        Decide,
        /// The engine on the split pair, in virtual time.
        Lane,
        /// Every crash point of small stories.
        Explore,
        /// Business behaviour.
        Stories,
    }

    /// The mistake that this process makes.
    pub(super) fn chosen() -> Option<Mistake> {
        static CHOSEN: OnceLock<Option<Mistake>> = OnceLock::new();
        *CHOSEN.get_or_init(|| std::env::var(VARIABLE).ok().map(|name| named(&name)))
    }

    fn named(name: &str) -> Mistake {
        let found = ALL.iter().find(|row| row.name == name).map(|row| row.mistake);
        found.unwrap_or_else(|| {
            let names: Vec<&str> = ALL.iter().map(|row| row.name).collect();
            panic!("there is no mistake `{name}`; {VARIABLE} is one of {}", names.join(", "))
        })
    }

    #[cfg(test)]
    mod tests {
        use super::{ALL, named};

        #[test]
        fn every_mistake_is_found_by_its_name() {
            for row in ALL {
                assert_eq!(named(row.name), row.mistake, "{}", row.name);
            }
        }

        #[test]
        #[should_panic(
            expected = "there is no mistake `none`; BALLET_MISTAKE is one of watermark-edges, "
        )]
        fn a_name_that_no_mistake_has_is_told_with_all_that_there_are() {
            named("none");
        }
    }
}
