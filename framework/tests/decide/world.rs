//! The world around a run: participants with a barrier, runners, signals, and a network that may do
//! anything but lie.
//!
//! The network is a set of all messages ever sent. From it any message may be delivered at any time,
//! any number of times, or never: that is loss, delay, duplication and reordering without a bound, so
//! nothing has to be counted, and the states stay few. What answers can come is a function of what a
//! participant has done, because whatever it ever answered lies in the set.

use ballet::clock::Time;
use ballet::message::Way;
use ballet::saga::decide::Effect;
use ballet::saga::journal::{Fact, Verb, What};
use ballet::saga::{Head, Shape};

/// What is true of a step, whoever knows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Truth {
    #[default]
    Nothing,
    Done,
    Refused,
    /// Done, and taken back.
    Compensated,
    /// Taken back before anything was done: what comes now is refused.
    Shut,
}

/// A step as the outside sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Site {
    pub truth: Truth,
    /// The round in which it was done or refused.
    pub settled: u32,
    /// The last round in which its action was begun.
    pub forward: Option<u32>,
    /// The last round in which its compensation was begun.
    pub back: Option<u32>,
    /// Whether the participant has taken the compensation.
    pub heeded: bool,
    /// What runs here at this moment.
    pub running: Option<Way>,
    /// What the run was told first.
    pub said: Option<bool>,
    /// Whether its time was up before it was known.
    pub unknown: bool,
    /// When its time is up.
    pub until: Option<Time>,
    /// Whether an operator did it, left it out or took it back.
    pub by_hand: bool,
}

/// The longest plan that is checked: what began it, and four steps.
pub const STEPS_MAX: usize = 5;

/// What surrounds a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct World {
    pub sites: [Site; STEPS_MAX],
    /// Which steps this run needs.
    pub needed: [bool; STEPS_MAX],
    /// Whether somebody has cancelled.
    pub cancelled: bool,
    /// Whether an operator has been at work.
    pub operated: bool,
    /// Whether participants take commands by themselves; otherwise when their answer is delivered.
    /// Nobody but the participant sees the difference, so `false` loses no behaviour of the run: what
    /// it did in between is chosen when it is first needed. Small plans are checked both ways.
    pub apart: bool,
}

/// Something that happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Time passes until something is due, and the run is told.
    Tick,
    /// Time passes until something is long due, and the run is not told: nobody drove it.
    Sleep,
    Cancel,
    Signal {
        step: usize,
        yes: bool,
    },
    /// A participant takes a command; the run does not hear of it.
    Handle {
        step: usize,
        way: Way,
        yes: bool,
    },
    /// An answer to an action is delivered.
    Answer {
        step: usize,
        round: u32,
        yes: bool,
    },
    /// An answer to a compensation is delivered.
    Compensated {
        step: usize,
        made: bool,
    },
    /// A method that ran here ends.
    Ran {
        step: usize,
        ends: Ends,
    },
    Operate {
        step: usize,
        verb: Act,
    },
}

/// How a method ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    Well,
    Refusing,
    Broken,
    /// It broke after its effect.
    BrokenAfter,
}

/// What an operator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Retry,
    Skip,
    MarkCompensated,
    MarkNotDone,
    Force,
}

impl World {
    pub fn new(shape: &Shape, needed: &[bool], apart: bool) -> Self {
        let mut sites = [Site::default(); STEPS_MAX];
        if shape.steps[0].head == Head::Begun {
            sites[0] = Site { truth: Truth::Done, said: Some(true), ..Site::default() };
        }
        let needed = std::array::from_fn(|step| needed.get(step).copied().unwrap_or(true));
        Self { sites, needed, cancelled: false, operated: false, apart }
    }

    /// All that may happen to a step, whatever the run has come to.
    pub fn moves_of(&self, shape: &Shape, step: usize, moves: &mut Vec<Move>) {
        match shape.steps[step].head {
            Head::Hear => moves.extend([true, false].map(|yes| Move::Signal { step, yes })),
            Head::Ask { .. } | Head::Begun => {
                self.handle(step, moves);
                self.answer(step, moves);
                self.answer_back(step, moves);
            }
            Head::Act => self.end_of_runner(shape, step, moves),
            Head::Tell { .. } => {}
        }
    }

    fn handle(&self, step: usize, moves: &mut Vec<Move>) {
        let site = &self.sites[step];
        if !self.apart {
            return;
        }
        if self.may_be_tried(step) {
            let way = Way::Forward;
            moves.extend([true, false].map(|yes| Move::Handle { step, way, yes }));
        }
        if site.back.is_some() && !site.heeded {
            moves.push(Move::Handle { step, way: Way::Back, yes: true });
        }
    }

    /// Whether a participant that takes the action now would try it: nothing is known of it, or it was
    /// refused and is asked again.
    fn may_be_tried(&self, step: usize) -> bool {
        let site = &self.sites[step];
        match site.truth {
            Truth::Nothing => site.forward.is_some(),
            Truth::Refused => site.forward.is_some_and(|round| round > site.settled),
            _ => false,
        }
    }

    /// What may have been answered to the action: what it came to, and that the door is shut.
    fn answer(&self, step: usize, moves: &mut Vec<Move>) {
        let site = &self.sites[step];
        let Some(last) = site.forward else { return };
        let answer = |round, yes| Move::Answer { step, round, yes };
        if !self.apart && self.may_be_tried(step) {
            moves.extend([answer(last, true), answer(last, false)]);
        }
        match site.truth {
            Truth::Nothing => {}
            Truth::Done => moves.push(answer(site.settled, true)),
            Truth::Refused => moves.push(answer(site.settled, false)),
            Truth::Compensated => moves.extend([answer(site.settled, true), answer(last, false)]),
            Truth::Shut => moves.push(answer(last, false)),
        }
    }

    fn answer_back(&self, step: usize, moves: &mut Vec<Move>) {
        let site = &self.sites[step];
        if site.back.is_none() || (self.apart && !site.heeded) {
            return;
        }
        let compensated = |made| Move::Compensated { step, made };
        match site.truth {
            Truth::Nothing => moves.extend([compensated(true), compensated(false)]),
            Truth::Done | Truth::Compensated => moves.push(compensated(true)),
            Truth::Refused | Truth::Shut => moves.push(compensated(false)),
        }
    }

    /// How what runs here may end. Under its key an effect happens once, so that what was done
    /// answers so again. A step after the pivot cannot refuse, and a compensation neither.
    fn end_of_runner(&self, shape: &Shape, step: usize, moves: &mut Vec<Move>) {
        let site = &self.sites[step];
        let Some(way) = site.running else { return };
        let ran = |ends| Move::Ran { step, ends };
        moves.extend([ran(Ends::Well), ran(Ends::Broken)]);
        let committed = shape.pivot().is_some_and(|pivot| pivot < step);
        let first = match way {
            Way::Forward => site.truth == Truth::Nothing,
            Way::Back => site.truth == Truth::Done,
        };
        if first && way == Way::Forward && !committed {
            moves.push(ran(Ends::Refusing));
        }
        if first && self.apart {
            moves.push(ran(Ends::BrokenAfter));
        }
    }

    /// What becomes true by a move, before the run is told.
    pub fn happen(&mut self, the_move: Move) {
        match the_move {
            Move::Tick | Move::Sleep => {}
            Move::Cancel => self.cancelled = true,
            Move::Signal { step, yes } => self.told(step, yes),
            Move::Handle { step, way: Way::Forward, yes } => self.settle(step, yes),
            Move::Handle { step, way: Way::Back, .. } => self.take_back(step, false),
            Move::Answer { step, round, yes } => {
                if self.may_be_tried(step) && self.sites[step].forward == Some(round) {
                    self.settle(step, yes);
                }
                self.told(step, yes);
            }
            Move::Compensated { step, made } => self.take_back(step, made),
            Move::Ran { step, ends } => self.ran(step, ends),
            Move::Operate { .. } => self.operated = true,
        }
    }

    fn told(&mut self, step: usize, yes: bool) {
        let site = &mut self.sites[step];
        site.said = site.said.or(Some(yes));
    }

    fn settle(&mut self, step: usize, yes: bool) {
        let site = &mut self.sites[step];
        site.truth = if yes { Truth::Done } else { Truth::Refused };
        site.settled = site.forward.unwrap_or_default();
    }

    /// A barrier: what was done is taken back, what was not can never be done.
    fn take_back(&mut self, step: usize, made: bool) {
        let site = &mut self.sites[step];
        site.heeded = true;
        site.truth = match site.truth {
            Truth::Done => Truth::Compensated,
            Truth::Nothing if made => Truth::Compensated,
            Truth::Nothing => Truth::Shut,
            settled => settled,
        };
    }

    fn ran(&mut self, step: usize, ends: Ends) {
        let way = self.sites[step].running.take();
        match (way, ends) {
            (_, Ends::Broken) | (None, _) => {}
            (Some(Way::Forward), Ends::Refusing) => self.settle(step, false),
            (Some(Way::Forward), _) => self.settle(step, true),
            (Some(Way::Back), _) => self.take_back(step, true),
        }
        match ends {
            Ends::Well => self.told(step, true),
            Ends::Refusing => self.told(step, false),
            Ends::Broken | Ends::BrokenAfter => {}
        }
    }

    /// What the outside sees once facts are written down.
    pub fn observe(&mut self, shape: &Shape, facts: &[Fact]) {
        for fact in facts {
            match &fact.what {
                What::Started { step, round, until, .. } => {
                    self.started(shape, *step, *round, *until);
                }
                What::Unknown { step, .. } => self.sites[*step].unknown = true,
                What::Operated { verb, step, taken: true, .. } => self.operated(verb, *step),
                _ => {}
            }
        }
    }

    fn started(&mut self, shape: &Shape, step: usize, round: u32, until: Option<Time>) {
        let site = &mut self.sites[step];
        if site.forward.is_some_and(|last| last < round) {
            site.said = None;
            site.unknown = false;
        }
        site.until = until;
        if shape.steps[step].head == Head::Hear {
            site.forward = Some(round);
        }
    }

    /// An operator keeps his word, too: what he forces is done and in the books, and whoever marks a step
    /// has shut its door and ended what ran there.
    fn operated(&mut self, verb: &Verb, step: usize) {
        self.sites[step].by_hand = !matches!(verb, Verb::Retry);
        let says_done = match verb {
            Verb::Retry | Verb::Skip => return,
            Verb::Force(_) => true,
            Verb::MarkCompensated | Verb::MarkNotDone => false,
        };
        match verb {
            Verb::Force(_) if self.sites[step].truth != Truth::Done => self.settle(step, true),
            Verb::Force(_) => {}
            _ => self.take_back(step, false),
        }
        let site = &mut self.sites[step];
        site.said = site.said.or(Some(says_done));
        site.running = site.running.filter(|way| *way == Way::Back);
    }

    /// Whether an operator who keeps his word may do this.
    pub fn is_true(&self, step: usize, verb: Act) -> bool {
        verb != Act::MarkNotDone || self.sites[step].truth != Truth::Done
    }

    /// Does what the run wants done.
    pub fn carry_out(&mut self, effect: &Effect) {
        match *effect {
            Effect::Send { step, way, round, .. } => self.begin(step, way, round),
            Effect::Run { step, way, round, .. } => {
                self.begin(step, way, round);
                self.sites[step].running = Some(way);
            }
            Effect::Attend { .. } | Effect::End(_) | Effect::Contradicted { .. } => {}
        }
    }

    fn begin(&mut self, step: usize, way: Way, round: u32) {
        let site = &mut self.sites[step];
        let last = match way {
            Way::Forward => &mut site.forward,
            Way::Back => &mut site.back,
        };
        *last = Some(round);
    }

    /// Whether nothing more is expected of a step on the way forward.
    pub fn is_passed(&self, shape: &Shape, step: usize) -> bool {
        let site = &self.sites[step];
        let told = matches!(shape.steps[step].head, Head::Tell { .. }) && site.forward.is_some();
        !self.needed[step] || site.by_hand || told || site.said == Some(true)
    }
}
