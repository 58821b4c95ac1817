//! A run in its world at one moment, and what follows from a move.

use crate::world::{Act, Ends, Move, Site, World};
use ballet::Refusal;
use ballet::clock::Time;
use ballet::message::{Reply, Way};
use ballet::saga::Shape;
use ballet::saga::decide::{Decision, Input, Progress, Ran, State, decide};
use ballet::saga::journal::{Fact, Journal, Signal, Verb};
use serde_json::value::RawValue;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A run, its world, and the time.
#[derive(Debug, Clone)]
pub struct Node {
    pub journal: Arc<Journal>,
    pub state: Arc<State>,
    pub world: World,
    pub now: Time,
    pub wake: Option<Time>,
}

/// A move of a run: what was before, what was decided, what is then.
#[derive(Debug, Clone)]
pub struct Turn {
    pub input: Input,
    pub before: Arc<State>,
    /// The world when the run was told.
    pub world: World,
    pub now: Time,
    pub wake: Option<Time>,
    pub decision: Decision,
    pub again: Option<Again>,
    /// What the journal adds up to after they were written down.
    pub kept: Arc<State>,
    /// Steps whose need was asked, each with the steps whose making was known then.
    pub asked: Vec<(usize, Vec<usize>)>,
}

/// A second opinion: what the same question was answered once more, and what its facts add up to one by
/// one.
#[derive(Debug, Clone)]
pub struct Again {
    pub decision: Decision,
    pub state: State,
}

pub fn nothing() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

pub fn no() -> Refusal {
    Refusal::new("no", "")
}

/// A journal in which nothing is written yet.
pub fn journal() -> Journal {
    let text = r#"{"version":1,"digest":"","input":null,"correlation":"","hop":0,"facts":[]}"#;
    serde_json::from_str(text).expect("all else may be left out")
}

impl Node {
    /// Before anything happened.
    pub fn new(shape: &Shape, world: World) -> Self {
        let journal = journal();
        let state = Arc::new(State::fold(shape, &journal));
        Self { journal: Arc::new(journal), state, world, now: Time::from_micros(1_000), wake: None }
    }

    /// Tells the run and writes down what it decides, or says how it panicked.
    pub fn tell(&mut self, shape: &Shape, input: Input) -> Result<Turn, String> {
        let mut asked = Vec::new();
        let decision = self.ask(shape, &input, &mut asked)?;
        let before = Arc::clone(&self.state);
        self.write_down(shape, &decision.facts);
        let (world, now, wake, kept) = (self.world, self.now, self.wake, Arc::clone(&self.state));
        self.wake = decision.wake;
        Ok(Turn { input, before, world, now, wake, decision, again: None, kept, asked })
    }

    /// The same, after it was asked the same for nothing.
    pub fn tell_twice(&mut self, shape: &Shape, input: Input) -> Result<Turn, String> {
        let decision = self.ask(shape, &input, &mut Vec::new())?;
        let state = self.one_by_one(shape, &decision.facts);
        let again = Some(Again { decision, state });
        Ok(Turn { again, ..self.tell(shape, input)? })
    }

    fn ask(
        &self,
        shape: &Shape,
        input: &Input,
        asked: &mut Vec<(usize, Vec<usize>)>,
    ) -> Result<Decision, String> {
        let mut oracle = |journal: &Journal, step: usize| {
            let known = (0..shape.steps.len()).filter(|at| journal.made(*at).is_some());
            asked.push((step, known.collect()));
            Ok::<bool, Infallible>(self.world.needed[step])
        };
        let decided = catch_unwind(AssertUnwindSafe(|| {
            decide(shape, &self.journal, input.clone(), self.now, &mut oracle)
        }));
        decided.map_err(|_| "it panicked".to_owned()).map(|Ok(decision)| decision)
    }

    fn write_down(&mut self, shape: &Shape, facts: &[Fact]) {
        if facts.is_empty() {
            return;
        }
        let mut journal = Journal::clone(&self.journal);
        journal.extend(facts.to_vec());
        self.state = Arc::new(State::fold(shape, &journal));
        self.journal = Arc::new(journal);
    }

    /// What the journal would add up to if every fact stood for itself, and none were counted in place.
    fn one_by_one(&self, shape: &Shape, facts: &[Fact]) -> State {
        let mut journal = Journal::clone(&self.journal);
        journal.facts.extend_from_slice(facts);
        State::fold(shape, &journal)
    }

    /// All that may happen next.
    pub fn moves(&self, shape: &Shape) -> Vec<Move> {
        let mut moves: Vec<Move> = self.wake.map(|_| Move::Tick).into_iter().collect();
        if !self.world.cancelled {
            moves.push(Move::Cancel);
        }
        for step in 0..shape.steps.len() {
            self.world.moves_of(shape, step, &mut moves);
        }
        moves
    }

    /// What happens next when nothing is lost and nobody fails: whoever was asked answers well, and
    /// time passes when nobody is left to answer.
    pub fn benign(&self, shape: &Shape) -> Option<Move> {
        if self.state.ended.is_some() {
            return None;
        }
        let answers = (0..shape.steps.len()).find_map(|step| self.answers(shape, step));
        answers.or(self.wake.map(|_| Move::Tick))
    }

    fn answers(&self, shape: &Shape, step: usize) -> Option<Move> {
        let awaited = match self.state.steps[step] {
            Progress::InFlight { .. } => Way::Forward,
            Progress::Compensating { .. } => Way::Back,
            _ => return None,
        };
        let mut moves = Vec::new();
        self.world.moves_of(shape, step, &mut moves);
        moves.into_iter().filter(|the_move| is_good(*the_move, awaited)).find(|the_move| {
            match the_move {
                // An old no to an earlier round does not help.
                Move::Answer { round, .. } => self.world.sites[step].forward == Some(*round),
                _ => true,
            }
        })
    }

    /// Whether a move is anything but an answer to what has been answered.
    pub fn is_awaited(&self, the_move: Move) -> bool {
        let progress = |step: usize| self.state.steps[step];
        match the_move {
            Move::Answer { step, .. } => {
                matches!(progress(step), Progress::InFlight { .. } | Progress::Unknown { .. })
            }
            Move::Compensated { step, .. } => {
                matches!(progress(step), Progress::Compensating { .. })
            }
            _ => true,
        }
    }

    /// What a move tells the run, if anything.
    pub fn input(&self, the_move: Move) -> Option<Input> {
        let by = || ("somebody".to_owned(), "because".to_owned());
        Some(match the_move {
            Move::Handle { .. } | Move::Sleep => return None,
            Move::Tick => Input::Tick,
            Move::Cancel => Input::Cancel { by: by().0, reason: by().1 },
            Move::Signal { step, yes } => {
                let signal = if yes { Signal::Yes(nothing()) } else { Signal::No(no()) };
                Input::Signalled { step, signal }
            }
            Move::Answer { step, round, yes } => {
                let reply = if yes { Reply::Done(nothing()) } else { Reply::Refused(no()) };
                Input::Replied { step, way: Way::Forward, round, reply }
            }
            Move::Compensated { step, made } => {
                let round = self.world.sites[step].back.unwrap_or_default();
                Input::Replied { step, way: Way::Back, round, reply: Reply::Compensated { made } }
            }
            Move::Ran { step, ends } => self.ran(step, ends),
            Move::Operate { step, verb } => {
                Input::Operate { verb: verb.verb(), step, by: by().0, reason: by().1 }
            }
        })
    }

    fn ran(&self, step: usize, ends: Ends) -> Input {
        let Site { running, forward, back, .. } = self.world.sites[step];
        let way = running.unwrap_or(Way::Forward);
        let round = if way == Way::Forward { forward } else { back };
        let ran = match ends {
            Ends::Well => Ran::Done(nothing()),
            Ends::Refusing => Ran::Refused(no()),
            Ends::Broken | Ends::BrokenAfter => Ran::Fault("broken".to_owned()),
        };
        Input::Ran { step, way, round: round.unwrap_or_default(), ran }
    }
}

impl Act {
    pub const ALL: [Self; 5] =
        [Self::Retry, Self::Skip, Self::MarkCompensated, Self::MarkNotDone, Self::Force];

    pub fn verb(self) -> Verb {
        match self {
            Self::Retry => Verb::Retry,
            Self::Skip => Verb::Skip,
            Self::MarkCompensated => Verb::MarkCompensated,
            Self::MarkNotDone => Verb::MarkNotDone,
            Self::Force => Verb::Force(nothing()),
        }
    }
}

/// Whether a move is the good answer that is awaited; the only answer is a good one.
fn is_good(the_move: Move, awaited: Way) -> bool {
    match the_move {
        Move::Signal { yes, .. } | Move::Answer { yes, .. } if awaited == Way::Forward => {
            yes || matches!(the_move, Move::Answer { .. })
        }
        Move::Handle { way, .. } => way == awaited,
        Move::Compensated { .. } => awaited == Way::Back,
        Move::Ran { ends: Ends::Well, .. } => true,
        _ => false,
    }
}
