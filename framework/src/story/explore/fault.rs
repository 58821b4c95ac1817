//! What can go wrong at a point, and where it does.

use crate::memory::{Fate, Point};
use std::fmt;
use std::str::FromStr;

/// What goes wrong at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Harm {
    /// The process dies. Another one is started within a second.
    Death,
    /// The call fails. Before a fact nothing has happened; after it, it has, and nobody knows: a commit
    /// that is unknown, or an acknowledgement that is lost, so that the message is sent again.
    Failure,
    /// The process stands still. Another one takes over what it has, and half a minute later it goes on, as
    /// an owner who was replaced.
    Freeze,
}

impl Harm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Death, Self::Failure, Self::Freeze];

    pub(super) const fn fate(self) -> Fate {
        match self {
            Self::Death => Fate::Die,
            Self::Failure => Fate::Fail,
            Self::Freeze => Fate::Freeze,
        }
    }

    /// What it is called where a fault is named.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Death => "death",
            Self::Failure => "failure",
            Self::Freeze => "freeze",
        }
    }

    /// What happens, in words.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Death => "dies",
            Self::Failure => "fails",
            Self::Freeze => "freezes, and is replaced",
        }
    }
}

/// Something goes wrong at a point of a story: `17/death` is the death of whoever comes to point 17.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fault {
    /// Which point, counted from 0 over all processes.
    pub at: usize,
    /// What happens there.
    pub harm: Harm,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.at, self.harm.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no fault: write it as `17/death`");
        let (at, name) = text.split_once('/').ok_or_else(wrong)?;
        let harm = Harm::ALL.into_iter().find(|harm| harm.name() == name).ok_or_else(wrong)?;
        Ok(Self { at: at.parse().map_err(|_| wrong())?, harm })
    }
}

/// Faults that come one after the other, as `17/death,23/freeze`.
pub(super) fn named(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join(",")
}

/// The same read back.
pub(super) fn read(text: &str) -> Result<Vec<Fault>, String> {
    text.split(',').map(str::parse).collect()
}

/// A process comes to a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Which part of the story, and which of its processes.
    pub(super) who: String,
    pub(super) life: u32,
    pub(super) point: Point,
    /// What goes wrong there.
    pub(super) harm: Option<Harm>,
}

impl Step {
    fn is_of(&self, other: &Self) -> bool {
        (&self.who, self.life) == (&other.who, other.life)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}  {}", self.who, self.life, words(&self.point))?;
        self.harm.map_or(Ok(()), |harm| write!(f, ": it {}", harm.told()))
    }
}

fn words(point: &Point) -> String {
    match point {
        Point::Take(lane) => format!("{lane} is to be taken over"),
        Point::Taken(lane) => format!("{lane} was taken over"),
        Point::Receive(lane) => format!("messages are to be received by {lane}"),
        Point::Begin(lane) => format!("a batch of {lane} is to begin"),
        Point::Commit(lane) => format!("a batch of {lane} is to be committed"),
        Point::Committed(lane) => format!("a batch of {lane} was committed"),
        Point::Produce(topic) => format!("a message is to be sent to {topic}"),
        Point::Produced(topic) => format!("a message was sent to {topic}"),
        Point::Mark(lane) => format!("it is to be marked how far {lane} was sent"),
        Point::Marked(lane) => format!("it was marked how far {lane} was sent"),
        Point::Enter(lane) => format!("a request is to enter {lane}"),
        Point::Entered(lane) => format!("a request has entered {lane}"),
    }
}

/// Whether anything can come of a fault at this step. A batch that begins and is not committed has found
/// nothing to do: lanes look for work all the time.
fn matters(steps: &[Step], at: usize) -> bool {
    let Point::Begin(lane) = &steps[at].point else { return true };
    let mut later = steps[at + 1..].iter().filter(|later| later.is_of(&steps[at]));
    let next = later.find_map(|later| match &later.point {
        Point::Commit(of) if of == lane => Some(true),
        Point::Begin(of) | Point::Take(of) if of == lane => Some(false),
        _ => None,
    });
    next.unwrap_or(false)
}

/// Everything that can go wrong at these steps, from one of them on.
pub(super) fn possible(steps: &[Step], from: usize) -> Vec<Fault> {
    let points = (from..steps.len()).filter(|at| matters(steps, *at));
    points.flat_map(|at| Harm::ALL.map(|harm| Fault { at, harm })).collect()
}

#[cfg(test)]
mod tests {
    use super::{Fault, Harm, Step, named, possible, read};
    use crate::memory::Point;
    use crate::store::LaneId;

    fn steps(points: &[fn(LaneId) -> Point]) -> Vec<Step> {
        let step = |point: &fn(LaneId) -> Point| Step {
            who: "shop".to_owned(),
            life: 1,
            point: point(LaneId::new("till", 0)),
            harm: None,
        };
        points.iter().map(step).collect()
    }

    #[test]
    fn faults_are_read_as_they_are_named() {
        let faults = [Fault { at: 3, harm: Harm::Death }, Fault { at: 17, harm: Harm::Freeze }];
        assert_eq!(named(&faults), "3/death,17/freeze");
        assert_eq!(read("3/death,17/freeze"), Ok(faults.to_vec()));
        let told = Err("`3-death` is no fault: write it as `17/death`".to_owned());
        assert_eq!(read("3-death"), told);
    }

    #[test]
    fn everything_may_go_wrong_but_a_look_for_work_that_finds_none() {
        let steps =
            steps(&[Point::Begin, Point::Begin, Point::Commit, Point::Committed, Point::Begin]);
        let at: Vec<usize> = possible(&steps, 0).iter().map(|fault| fault.at).collect();
        assert_eq!(at, [1, 1, 1, 2, 2, 2, 3, 3, 3]);
        assert_eq!(possible(&steps, 3).len(), 3);
    }
}
