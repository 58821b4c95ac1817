//! Every plan that the type laws allow, as shapes: there are no user types here, only data.

use ballet::saga::{Back, Head, Retry, Shape, StepShape};
use std::fmt;
use std::time::Duration;

/// The head of a step. What may be exchanged within a group stands first; see [`is_ordered`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Act,
    Ask,
    Tell,
    Hear,
}

/// A line of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub kind: Kind,
    pub compensable: bool,
    pub pivot: bool,
}

/// What decides which of two clocks of a step runs out first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// Attempts without number, two apart; the time of a step is up after three, and after the pivot
    /// never. The run has one.
    TimeUp,
    /// Two attempts, one apart; the time of a step would be up after four, after the pivot too. The
    /// run has three.
    AttemptsSpent,
}

/// A plan in short.
#[derive(Debug, Clone)]
pub struct Sketch {
    /// Whether what began the run is taken back too.
    pub begun: bool,
    /// Whether the run as a whole has a deadline.
    pub deadline: bool,
    pub timing: Timing,
    pub groups: Vec<Vec<Line>>,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn units(count: u64) -> Duration {
    Duration::from_micros(count)
}

fn every(count: u64) -> Retry {
    Retry::every(units(count)).up_to(units(count))
}

impl Sketch {
    /// The plan as the framework knows it. Whatever may have `.when` has one: a step that is needed
    /// runs as one that always runs, so the answers of `needed` cover both.
    pub fn shape(&self) -> Shape {
        let (within, margin) = match self.timing {
            Timing::TimeUp => (1, 1),
            Timing::AttemptsSpent => (3, 2),
        };
        let mut steps: Vec<StepShape> = self.begun.then(begun).into_iter().collect();
        let mut committed = false;
        for (group, lines) in self.groups.iter().enumerate() {
            for line in lines {
                let name = NAMES[steps.len() - usize::from(self.begun)];
                let group = group + usize::from(self.begun);
                steps.push(self.step(name, group, *line, committed));
                committed |= line.pivot;
            }
        }
        let within = self.deadline.then_some(units(within));
        Shape { saga: "checked", version: 1, within, margin: units(margin), steps }
    }

    fn step(&self, name: &'static str, group: usize, line: Line, committed: bool) -> StepShape {
        let few = self.timing == Timing::AttemptsSpent;
        let retry = if few { every(1).at_most(2) } else { every(2) };
        let (command, to) = ("do", "them");
        StepShape {
            name,
            group,
            head: match line.kind {
                Kind::Act => Head::Act,
                Kind::Ask => Head::Ask { command, to },
                Kind::Tell => Head::Tell { command, to },
                Kind::Hear => Head::Hear,
            },
            back: match line.kind {
                Kind::Act if line.compensable => Back::Act,
                Kind::Ask if line.compensable => Back::Ask { command: "compensate", to },
                _ => Back::Nothing,
            },
            pivot: line.pivot,
            sometimes: !line.pivot,
            skippable: committed && few,
            retry,
            patience: every(if few { 2 } else { 1 }).at_most(2),
            within: match (few, committed) {
                (true, _) => Some(units(4)),
                (false, false) => Some(units(3)),
                (false, true) => None,
            },
            makes: "()",
        }
    }

    /// How many steps it has, without what began the run.
    pub fn len(&self) -> usize {
        self.groups.iter().map(Vec::len).sum()
    }
}

fn begun() -> StepShape {
    StepShape {
        name: "begin",
        group: 0,
        head: Head::Begun,
        back: Back::Ask { command: "compensate", to: "them" },
        pivot: false,
        sometimes: false,
        skippable: false,
        retry: every(1),
        patience: every(1).at_most(2),
        within: None,
        makes: "()",
    }
}

/// As `begun | ask+ act | act! | tell`: `+` is taken back, `!` is the pivot, what stands together
/// stands side by side.
impl fmt::Display for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups: Vec<String> = self.begun.then(|| "begun+".to_owned()).into_iter().collect();
        for group in &self.groups {
            let lines: Vec<String> = group.iter().map(Line::to_string).collect();
            groups.push(lines.join(" "));
        }
        let within = if self.deadline { ", with a deadline" } else { "" };
        write!(f, "{} ({:?}{within})", groups.join(" | "), self.timing)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Act => "act",
            Kind::Ask => "ask",
            Kind::Tell => "tell",
            Kind::Hear => "hear",
        };
        let end = match self {
            Self { pivot: true, .. } => "!",
            Self { compensable: true, .. } => "+",
            _ => "",
        };
        write!(f, "{kind}{end}")
    }
}

/// Every grouping of so many lines with heads of these kinds.
pub fn groupings(steps: usize, kinds: &[Kind]) -> Vec<Vec<Vec<Line>>> {
    let mut found = Vec::new();
    grow(steps, kinds, &mut Vec::new(), &mut found);
    found
}

/// Adds one more group in every possible way. The pivot stands alone, there is one at most, and only
/// an act or an ask may be it.
fn grow(left: usize, kinds: &[Kind], groups: &mut Vec<Vec<Line>>, found: &mut Vec<Vec<Vec<Line>>>) {
    if left == 0 {
        found.push(groups.clone());
        return;
    }
    let committed = groups.iter().flatten().any(|line| line.pivot);
    let mut next: Vec<Vec<Line>> = Vec::new();
    for size in 1..=left {
        next.extend(sides(size, &lines(kinds, committed)));
    }
    if !committed {
        let decides = kinds.iter().filter(|kind| matches!(kind, Kind::Act | Kind::Ask));
        let pivot = |kind: &Kind| vec![Line { kind: *kind, compensable: false, pivot: true }];
        next.extend(decides.map(pivot));
    }
    for group in next {
        let left = left - group.len();
        groups.push(group);
        grow(left, kinds, groups, found);
        groups.pop();
    }
}

/// The lines that may stand before the pivot, or after it. A tell and a hear have no way back, and
/// after the pivot nothing has.
fn lines(kinds: &[Kind], committed: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    for kind in kinds.iter().copied() {
        lines.push(Line { kind, compensable: false, pivot: false });
        if !committed && matches!(kind, Kind::Act | Kind::Ask) {
            lines.push(Line { kind, compensable: true, pivot: false });
        }
    }
    lines
}

/// Every group of this size, in every order that may matter.
fn sides(size: usize, lines: &[Line]) -> Vec<Vec<Line>> {
    let mut sides: Vec<Vec<Line>> = vec![Vec::new()];
    for _ in 0..size {
        let longer = |side: &Vec<Line>| {
            let side = side.clone();
            lines.iter().map(move |line| [&side[..], &[*line]].concat()).collect::<Vec<_>>()
        };
        sides = sides.iter().flat_map(longer).collect();
    }
    sides.retain(|side| side.windows(2).all(|pair| is_ordered(pair[0], pair[1])));
    sides
}

/// Steps of a group are begun in one decision and told apart by number alone, so acts and asks that
/// stand beside each other may be exchanged, and one order of them stands for all. Not so a hear: an
/// early no is heard while the group is begun, and what would be begun after it is not. A tell is done
/// as soon as it is begun, so it stays where it is, too.
fn is_ordered(left: Line, right: Line) -> bool {
    let stays = |line: Line| matches!(line.kind, Kind::Tell | Kind::Hear);
    stays(left) || stays(right) || left <= right
}

#[test]
fn a_pivot_stands_alone_and_once_and_nothing_after_it_is_taken_back() {
    for groups in groupings(3, &[Kind::Act, Kind::Ask, Kind::Tell, Kind::Hear]) {
        let lines: Vec<Line> = groups.iter().flatten().copied().collect();
        assert_eq!(lines.len(), 3);
        let Some(pivot) = lines.iter().position(|line| line.pivot) else { continue };
        assert!(groups.iter().all(|group| group.len() == 1 || group.iter().all(|l| !l.pivot)));
        assert!(matches!(lines[pivot].kind, Kind::Act | Kind::Ask));
        assert!(lines[pivot..].iter().all(|line| !line.compensable));
        assert!(lines[pivot + 1..].iter().all(|line| !line.pivot));
    }
}

#[test]
fn every_plan_is_there_but_for_the_order_of_acts_and_asks_side_by_side() {
    // One step: six before no pivot, two pivots. Two steps: one after the other 6 * 6 + 6 * 2 + 2 * 4,
    // side by side 6 * 6 but for the six exchanges among four acts and asks.
    let all = [Kind::Act, Kind::Ask, Kind::Tell, Kind::Hear];
    assert_eq!(groupings(1, &all).len(), 8);
    assert_eq!(groupings(2, &all).len(), 36 + 12 + 8 + 30);
}
