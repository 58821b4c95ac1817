//! Proof by exhaustion: a story is told once undisturbed, and then once for every single thing that can go
//! wrong in it.
//!
//! ```text
//! explore   which tellings, and what they must come to    crew     many at a time
//! telling   one of them                                   scene    world, processes, clients
//! plot      what happens at which point                   part     a process that comes back
//! fault     what can go wrong
//! ```
//!
//! The points are those of [`Point`](crate::memory::Point): everything that a process writes down, sends, or is
//! asked, before and after the fact. At each, in a telling of its own, its process dies; the call fails,
//! which after the fact is an unknown commit or a lost acknowledgement; or the process freezes, is replaced, and
//! wakes up as a zombie. All of it happens in virtual time and in the same order every time, so a fault
//! that is named is found again.

mod crew;
mod fault;
mod part;
mod plot;
mod scene;
mod telling;

pub use fault::{Fault, Harm};
pub use plot::Plot;
pub use scene::Scene;

use fault::{Step, named, possible, read};
use std::fmt::{self, Debug, Write};
use std::time::Duration;
use telling::{Told, tell};

/// The variable that names the faults of the one telling that is wanted.
const VARIABLE: &str = "BALLET_STORY";
/// Processes look for work once a second, so time that passes in vain is not free.
const AN_HOUR: Duration = Duration::from_secs(3_600);
/// How many steps are shown before the last fault and after it.
const AROUND: usize = 12;

/// Which tellings of a story are made.
#[derive(Debug, Clone)]
#[must_use = "nothing is told until it is played"]
pub struct Explore {
    name: String,
    pairs: bool,
    within: Duration,
    sample: Option<(usize, u64)>,
    progress: fn(&str, usize, usize),
}

/// What came of it, if nothing was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explored {
    /// Points of the undisturbed story at which something could go wrong.
    pub points: usize,
    /// Tellings with one fault.
    pub singles: usize,
    /// Tellings with a second fault, in the recovery from the first.
    pub pairs: usize,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { points, singles, pairs } = self;
        write!(f, "{points} points, {singles} tellings with a fault, {pairs} with two")
    }
}

/// Explores the story of this name with one fault at a time; see [`Explore::play`].
pub fn explore<E>(name: &str, play: impl AsyncFn(Scene) -> E + Sync) -> Explored
where
    E: PartialEq + Debug + Send + Sync,
{
    Explore::story(name).play(play)
}

impl Explore {
    /// A story, to be told with every single fault.
    pub fn story(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            pairs: false,
            within: AN_HOUR,
            sample: None,
            progress: |_, _, _| {},
        }
    }

    /// How long a telling may take, in its own time; an hour if nothing is said. One that takes longer never
    /// ends.
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Also with every second fault after the first, until the story has come to its end.
    pub const fn pairs(mut self) -> Self {
        self.pairs = true;
        self
    }

    /// Only with so many faults of all, and of all pairs, drawn from a seed.
    pub const fn sample(mut self, most: usize, seed: u64) -> Self {
        self.sample = Some((most, seed));
        self
    }

    /// Told after each telling: the name of the story, how many are done, and of how many.
    pub const fn progress(mut self, tell: fn(&str, usize, usize)) -> Self {
        self.progress = tell;
        self
    }

    /// Tells the story again and again. `play` serves its apps on the scene, acts as its clients do, and
    /// gives what the story has come to: the same in every telling, or something is wrong. What it cannot
    /// bear at all it may assert. Where nothing else is said, all processes must be well again in the end,
    /// and nothing may have been given up.
    ///
    /// With the variable `BALLET_STORY` only one telling is made, with the faults that it names.
    ///
    /// # Panics
    ///
    /// If a telling comes to another end than the undisturbed one. It says what went wrong and how to have it
    /// told again.
    ///
    /// ```
    /// # use ballet::{Plan, Reactions, Reactor, Saga, StepError, Table, Tx, answer, ask};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)] struct Order { id: String }
    /// # #[derive(Serialize, Deserialize)] struct Charge { order: String }
    /// # ballet::service! { TILL = "till" { Charge = "till.charge" -> () } }
    /// # const CHARGES: Table<String, u64> = Table::new("charges");
    /// # struct Buy;
    /// # impl Saga for Buy {
    /// #     const NAME: &'static str = "buy";
    /// #     type Input = Order;
    /// #     fn plan() -> Plan<Self> {
    /// #         Plan::begin().step("charge", ask(Self::charge).pivot()).end()
    /// #     }
    /// # }
    /// # impl Buy { fn charge(order: &Order) -> Charge { Charge { order: order.id.clone() } } }
    /// # struct Till;
    /// # impl Reactor for Till {
    /// #     const NAME: &'static str = TILL;
    /// #     fn reactions() -> Reactions<Self> {
    /// #         Reactions::new().to::<Charge>(answer(Self::charge).leaves_nothing())
    /// #     }
    /// # }
    /// # impl Till {
    /// #     async fn charge(&self, tx: &mut Tx, asked: &Charge) -> Result<(), StepError> {
    /// #         let before = tx.get(CHARGES, &asked.order).await?.unwrap_or(0);
    /// #         Ok(tx.put(CHARGES, &asked.order, &(before + 1))?)
    /// #     }
    /// # }
    /// use ballet::story::explore;
    ///
    /// let id = || "1".to_owned();
    /// let explored = explore("a purchase", async |scene| {
    ///     scene.serve("shop", |app| app.saga(Buy).reactor(Till).start()).await;
    ///     scene.begin::<Buy>("shop", "1", &Order { id: id() }).await;
    ///     let outcome = scene.outcome::<Buy>("shop", "1").await;
    ///     (outcome, scene.row::<Till, _, _>(CHARGES, &id()).await)
    /// });
    /// assert!(explored.points > 10);
    /// ```
    pub fn play<E>(self, play: impl AsyncFn(Scene) -> E + Sync) -> Explored
    where
        E: PartialEq + Debug + Send + Sync,
    {
        let usual = self.undisturbed(&play);
        let asked = std::env::var(VARIABLE).ok();
        if let Some(faults) = asked.map(|text| read(&text).unwrap_or_else(|why| panic!("{why}"))) {
            let told = tell(&play, &faults, self.within);
            panic!("{}", self.report(&faults, &told, &usual));
        }
        let faults = possible(&usual.steps, usual.setting);
        let points = faults.len() / Harm::ALL.len();
        let singles: Vec<Vec<Fault>> = faults.into_iter().map(|fault| vec![fault]).collect();
        let singles = self.drawn(singles);
        self.tell_all(&play, &singles, &usual);
        let pairs = if self.pairs { self.drawn(self.seconds(&play, &singles)) } else { Vec::new() };
        self.tell_all(&play, &pairs, &usual);
        Explored { points, singles: singles.len(), pairs: pairs.len() }
    }

    /// The story as it is told when nothing goes wrong: twice, for it must be the same.
    fn undisturbed<E: PartialEq + Debug>(&self, play: &impl AsyncFn(Scene) -> E) -> Told<E> {
        let (usual, again) = (tell(play, &[], self.within), tell(play, &[], self.within));
        let name = &self.name;
        if let Err(why) = &usual.end {
            panic!("`{name}`, and nothing goes wrong: {why}");
        }
        let differs = usual.steps.iter().zip(&again.steps).position(|(one, other)| one != other);
        let differs =
            differs.or((usual.steps.len() != again.steps.len()).then_some(usual.steps.len()));
        if let Some(at) = differs {
            let (one, other) = (usual.steps.get(at), again.steps.get(at));
            panic!(
                "`{name}` is told otherwise the second time, so no fault can be found again: point {at} \
                 is {one:?} and then {other:?}. Take nothing from chance or from the clock of the machine"
            );
        }
        usual
    }

    /// All of them, or as many as are wanted, in their order.
    fn drawn<T>(&self, all: Vec<T>) -> Vec<T> {
        let Some((most, seed)) = self.sample.filter(|(most, _)| *most < all.len()) else {
            return all;
        };
        let mut left = all.len();
        let mut wanted = most;
        let mut state = seed;
        let draw = |_: &T| {
            let is_drawn = random(&mut state) % (left as u64) < wanted as u64;
            left -= 1;
            wanted -= usize::from(is_drawn);
            is_drawn
        };
        all.into_iter().filter(draw).collect()
    }

    fn tell_all<E: PartialEq + Debug + Send + Sync>(
        &self,
        play: &(impl AsyncFn(Scene) -> E + Sync),
        all: &[Vec<Fault>],
        usual: &Told<E>,
    ) {
        let find = |faults: &Vec<Fault>| {
            let told = tell(play, faults, self.within);
            let is_right = told.end == usual.end && told.wrong == usual.wrong;
            (!is_right).then(|| self.report(faults, &told, usual))
        };
        let found = crew::search(all, find, |done| (self.progress)(&self.name, done, all.len()));
        if let Some(report) = found {
            panic!("{report}");
        }
    }

    /// Each fault with every other that can come after it.
    fn seconds<E>(
        &self,
        play: &(impl AsyncFn(Scene) -> E + Sync),
        singles: &[Vec<Fault>],
    ) -> Vec<Vec<Fault>> {
        let mut pairs = Vec::new();
        for single in singles {
            let told = tell(play, single, self.within);
            let from = single.last().map_or(0, |fault| fault.at + 1);
            let second = possible(&told.steps, from.min(told.steps.len()));
            pairs.extend(second.into_iter().map(|second| [single.as_slice(), &[second]].concat()));
        }
        pairs
    }

    /// What went wrong in a telling, for people.
    fn report<E: Debug>(&self, faults: &[Fault], told: &Told<E>, usual: &Told<E>) -> String {
        let (name, faults) = (&self.name, named(faults));
        let mut text = format!("`{name}`, told with {faults}:\n\n{}\n", around(&told.steps));
        for (what, told) in [("end    ", told), ("usually", usual)] {
            match &told.end {
                Ok(end) => drop(writeln!(text, "{what}  {end:?}")),
                Err(why) => drop(writeln!(text, "{what}  {why}")),
            }
            for wrong in &told.wrong {
                let _ = writeln!(text, "         {wrong}");
            }
        }
        let _ = write!(text, "\nto have it told again, run this test with {VARIABLE}={faults}");
        text
    }
}

/// The steps around the last fault.
fn around(steps: &[Step]) -> String {
    let last = steps.iter().rposition(|step| step.harm.is_some()).unwrap_or(0);
    let mut text = String::new();
    for (at, step) in steps.iter().enumerate().take(last + AROUND).skip(last.saturating_sub(AROUND))
    {
        let mark = if step.harm.is_some() { '>' } else { ' ' };
        let _ = writeln!(text, "{mark} {at:>4}  {step}");
    }
    text
}

/// SplitMix64.
const fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
