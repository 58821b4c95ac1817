//! Breadth first through everything that can happen to a run: the first path to a broken law is a
//! shortest one.

use crate::answers::OF_ANSWERS;
use crate::effects::OF_EFFECTS;
use crate::key::{Key, key, known_to_the_run};
use crate::laws::OF_TURNS;
use crate::node::{Node, Turn};
use crate::transcript;
use crate::world::{Act, Move, STEPS_MAX, World};
use ballet::saga::Shape;
use ballet::saga::decide::{Input, Progress, State};
use ballet::saga::journal::{Fact, What};
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub states: usize,
    pub transitions: usize,
    /// The longest way to rest when all goes well.
    pub farthest: usize,
    /// What the run went through, without what was true outside; only if that was asked for.
    pub lives: HashSet<Key>,
}

/// How a law was broken, and how that came.
#[derive(Debug)]
pub struct Violation {
    pub law: String,
    pub how: String,
    pub path: String,
}

/// How much is tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Thoroughness {
    /// Every how many-th state is brought to an end by verbs alone; none if it is zero.
    pub settled: usize,
    /// Whether operators are at work before anybody has called them.
    pub uncalled: bool,
    /// Whether participants take commands by themselves; see [`World::apart`].
    pub apart: bool,
    /// Whether every question is asked twice and every fact folded by itself, and everything is tried after an operator was at work
    /// and after nobody drove the run for a while; otherwise an operator is followed only by what goes
    /// well.
    pub thorough: bool,
    /// Whether answers are delivered that nobody awaits. That they change nothing is a law, and it is
    /// not another one in longer plans.
    pub stale: bool,
    /// Whether to say what the run went through.
    pub lives: bool,
}

/// A state that was reached: from where, by what, and where it goes when all goes well.
struct Reached {
    from: usize,
    by: Option<Move>,
    next: Option<usize>,
}

struct Search<'a> {
    shape: &'a Shape,
    how: Thoroughness,
    known: HashMap<Key, usize>,
    reached: Vec<Reached>,
    queue: VecDeque<(usize, Node)>,
    transitions: usize,
}

/// Tries everything for one plan and one answer to what is needed.
pub fn explore(shape: &Shape, needed: &[bool], how: Thoroughness) -> Result<Seen, Box<Violation>> {
    let mut search = Search {
        shape,
        how,
        known: HashMap::new(),
        reached: Vec::new(),
        queue: VecDeque::new(),
        transitions: 0,
    };
    let first = Node::new(shape, World::new(shape, needed, how.apart));
    search.visit(0, None, first.clone());
    while let Some((at, node)) = search.queue.pop_front() {
        search.expand(at, &node).map_err(|(law, how, the_move)| {
            let path = search.path(first.clone(), at, the_move);
            Box::new(Violation { law, how, path })
        })?;
    }
    let farthest = search.farthest().map_err(|at| {
        let path = search.path(first, at, None);
        let how = "when all goes well it goes round for ever".to_owned();
        Box::new(Violation { law: "it comes to rest".to_owned(), how, path })
    })?;
    let lives = search.lives(&World::new(shape, needed, how.apart));
    let (states, transitions) = (search.reached.len(), search.transitions);
    Ok(Seen { states, transitions, farthest, lives })
}

/// A law, and how it was broken.
type Breach = (String, String);
/// The same, with what was tried.
type Failure = (String, String, Option<Move>);

impl Search<'_> {
    /// The number of a state, which is looked at later if it is new.
    fn visit(&mut self, from: usize, by: Option<Move>, node: Node) -> usize {
        let key = key(self.shape, &node);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let at = self.reached.len();
        self.known.insert(key, at);
        self.reached.push(Reached { from, by, next: None });
        self.queue.push_back((at, node));
        at
    }

    fn expand(&mut self, at: usize, node: &Node) -> Result<(), Failure> {
        if at == 0 {
            let mut begun = node.clone();
            self.judge(&mut begun, Input::Begin).map_err(|(law, how)| (law, how, None))?;
            let next = self.visit(at, None, begun);
            self.reached[at].next = Some(next);
            return Ok(());
        }
        let benign = node.benign(self.shape);
        self.rests_well(&node.state, benign)?;
        if at.is_multiple_of(self.how.settled) {
            by_verbs_alone(self.shape, node.clone()).map_err(|(law, how)| (law, how, None))?;
        }
        for the_move in self.moves(node, benign) {
            let mut next = node.clone();
            self.transitions += 1;
            let input = happen(&mut next, the_move);
            let judged = input.map_or(Ok(()), |input| self.judge(&mut next, input));
            judged.map_err(|(law, how)| (law, how, Some(the_move)))?;
            let next = self.visit(at, Some(the_move), next);
            if benign == Some(the_move) {
                self.reached[at].next = Some(next);
            }
        }
        Ok(())
    }

    /// What is tried from here: everything, and an operator's verbs while a person is needed. After
    /// such a verb only what goes well, unless the search is thorough.
    fn moves(&self, node: &Node, benign: Option<Move>) -> Vec<Move> {
        if node.world.operated && !self.how.thorough {
            return benign.into_iter().collect();
        }
        let mut moves = node.moves(self.shape);
        if self.how.thorough && node.wake.is_some() {
            moves.push(Move::Sleep);
        }
        if !self.how.stale {
            moves.retain(|the_move| node.is_awaited(*the_move));
        }
        if !node.world.operated && node.state.ended.is_none() {
            let all = (0..self.shape.steps.len()).filter(|_| self.how.uncalled);
            for step in node.state.attention.keys().copied().chain(all) {
                let verbs = Act::ALL.into_iter().filter(|verb| node.world.is_true(step, *verb));
                moves.extend(verbs.map(|verb| Move::Operate { step, verb }));
            }
        }
        moves
    }

    /// A run from which nothing good can come any more has ended, or needs a person for a no.
    fn rests_well(&self, state: &State, benign: Option<Move>) -> Result<(), Failure> {
        let rests = benign.is_none() && state.ended.is_none() && state.attention.is_empty();
        match rests {
            true => Err(("it comes to rest".to_owned(), format!("it hangs: {state:?}"), None)),
            false => Ok(()),
        }
    }

    fn lives(&self, world: &World) -> HashSet<Key> {
        let keys = self.known.keys().filter(|_| self.how.lives);
        keys.map(|key| known_to_the_run(self.shape, world, *key)).collect()
    }

    /// The longest way to rest when all goes well; the state from which it goes round, if one does.
    fn farthest(&self) -> Result<usize, usize> {
        let mut steps: Vec<Option<usize>> = vec![None; self.reached.len()];
        let mut farthest = 0;
        for start in 0..self.reached.len() {
            let mut path = Vec::new();
            let mut at = start;
            while steps[at].is_none() {
                path.push(at);
                match self.reached[at].next {
                    Some(_) if path.len() > self.reached.len() => return Err(start),
                    Some(next) => at = next,
                    None => break,
                }
            }
            let mut far = steps[at].unwrap_or(0);
            for at in path.into_iter().rev() {
                far += usize::from(self.reached[at].next.is_some() && steps[at].is_none());
                steps[at] = Some(far);
            }
            farthest = farthest.max(far);
        }
        Ok(farthest)
    }

    /// How a state was reached, told from the beginning, and what was tried then.
    fn path(&self, mut node: Node, mut at: usize, then: Option<Move>) -> String {
        let mut moves: Vec<Move> = then.into_iter().collect();
        while at > 0 {
            moves.extend(self.reached[at].by);
            at = self.reached[at].from;
        }
        let mut told = String::new();
        let begun = self.replay(&mut node, Input::Begin);
        told += &transcript::told(self.shape, "begin", begun.as_ref());
        for the_move in moves.into_iter().rev() {
            let input = happen(&mut node, the_move);
            let turn = input.and_then(|input| self.replay(&mut node, input));
            let came = format!("{} {the_move:?}", node.now.micros());
            told += &transcript::told(self.shape, &came, turn.as_ref());
        }
        told
    }

    /// Tells the run, whatever the laws say.
    fn replay(&self, node: &mut Node, input: Input) -> Option<Turn> {
        let turn = node.tell(self.shape, input).ok()?;
        node.world.observe(self.shape, &turn.decision.facts);
        turn.decision.effects.iter().for_each(|effect| node.world.carry_out(effect));
        Some(turn)
    }

    /// Tells the run, and holds what follows against the laws.
    fn judge(&self, node: &mut Node, input: Input) -> Result<(), Breach> {
        let turn = match self.how.thorough {
            true => node.tell_twice(self.shape, input),
            false => node.tell(self.shape, input),
        };
        let turn = turn.map_err(|how| ("it never panics".to_owned(), how))?;
        let breach = |name: &str, how| Err((name.to_owned(), how));
        for (name, law) in OF_TURNS.iter().chain(OF_ANSWERS) {
            law(self.shape, &turn).map_or(Ok(()), |how| breach(name, how))?;
        }
        node.world.observe(self.shape, &turn.decision.facts);
        for effect in &turn.decision.effects {
            for (name, law) in OF_EFFECTS {
                let how = law(self.shape, &turn, &node.world, effect);
                how.map_or(Ok(()), |how| breach(name, how))?;
            }
            node.world.carry_out(effect);
        }
        Ok(())
    }
}

/// Brings a run to an end by nothing but verbs and time: nobody answers any more. Whatever it waits for
/// is forced on the way forward and marked on the way back, and where no verb is taken it waits.
pub fn by_verbs_alone(shape: &Shape, mut node: Node) -> Result<(), Breach> {
    let breach = |how| ("verbs alone bring it to an end".to_owned(), how);
    for _ in 0..VERBS_MAX {
        if node.state.ended.is_some() {
            return Ok(());
        }
        if !settle_one(shape, &mut node).map_err(breach)? {
            let Some(wake) = node.wake else { break };
            node.now = node.now.max(wake);
            node.tell(shape, Input::Tick).map_err(breach)?;
        }
    }
    match node.state.ended {
        Some(_) => Ok(()),
        None => Err(breach(format!("it is open: {:?}", node.state.steps))),
    }
}

/// Every step may have to be settled on the way forward and on the way back, and the way back may have
/// to wait once for each.
const VERBS_MAX: usize = 3 * STEPS_MAX;

/// Settles the first step that a verb settles, if there is one.
fn settle_one(shape: &Shape, node: &mut Node) -> Result<bool, String> {
    for step in 0..shape.steps.len() {
        let verb = match node.state.steps[step] {
            Progress::InFlight { .. } => Act::Force,
            Progress::Refused { .. } if shape.pivot().is_some_and(|pivot| pivot < step) => {
                Act::Force
            }
            Progress::Unknown { .. } | Progress::Compensating { .. } => Act::MarkCompensated,
            _ => continue,
        };
        let turn = node.input(Move::Operate { step, verb }).map(|input| node.tell(shape, input));
        let taken = |fact: &Fact| matches!(fact.what, What::Operated { taken: true, .. });
        if turn.transpose()?.is_some_and(|turn| turn.decision.facts.iter().any(taken)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How long nobody drives a run that was left alone.
const NAP: Duration = Duration::from_micros(3);

/// Lets time pass and a move happen; says what the run is told of it.
fn happen(node: &mut Node, the_move: Move) -> Option<Input> {
    match (the_move, node.wake) {
        (Move::Tick, Some(wake)) => node.now = node.now.max(wake),
        (Move::Sleep, Some(wake)) => node.now = node.now.max(wake.after(NAP)),
        _ => {}
    }
    let input = node.input(the_move);
    node.world.happen(the_move);
    input
}
