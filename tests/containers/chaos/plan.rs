//! What is done to the shop: faults drawn from the seed, one after the other.

use super::dice::Dice;
use std::fmt;
use std::time::Duration;

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    Postgres,
    Kafka,
}

/// What a network does instead of passing things on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// It resets every connection and refuses new ones.
    Cut,
    /// It passes nothing on.
    Silent,
    /// It brings no answers: what was asked is done, and nobody knows.
    Unheard,
    /// It takes its time for everything.
    Slow,
}

/// Somebody outside the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outside {
    Provider,
    Carrier,
    Mail,
}

/// Something that is done to the shop. Processes are told by their place in the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// SIGKILL, and another one is started.
    Kill(usize),
    /// SIGTERM, and another one is started.
    End(usize),
    /// SIGSTOP and SIGCONT.
    Freeze(usize),
    /// A process that is one of several is told to end, or comes back if it was.
    Scale(usize),
    /// `kill -9` of a server, and it is started again.
    Server(Server),
    /// The same of both at once.
    Servers,
    /// The network between a process and a server.
    Network(usize, Server, Line),
    /// Nobody outside answers.
    Wire(Outside),
    /// The provider's next answers get lost.
    LostAnswers(u32),
}

impl Fault {
    /// What it is called in tables.
    pub(super) const fn kind(self) -> &'static str {
        match self {
            Self::Kill(_) => "process killed",
            Self::End(_) => "process told to end",
            Self::Freeze(_) => "process frozen",
            Self::Scale(_) => "copies changed",
            Self::Server(Server::Postgres) => "Postgres killed",
            Self::Server(Server::Kafka) => "Kafka killed",
            Self::Servers => "both killed",
            Self::Network(_, _, Line::Cut) => "network cut",
            Self::Network(_, _, Line::Silent) => "network silent",
            Self::Network(_, _, Line::Unheard) => "answers lost on the network",
            Self::Network(_, _, Line::Slow) => "network slow",
            Self::Wire(_) => "outside away",
            Self::LostAnswers(_) => "outside answers lost",
        }
    }

    /// Whether something is killed that had better not be idle.
    pub(super) const fn is_kill(self) -> bool {
        matches!(self, Self::Kill(_) | Self::Server(_) | Self::Servers)
    }
}

/// How a fault is told, with the names of the processes.
pub(super) struct Told<'a>(pub(super) Fault, pub(super) &'a [String]);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(fault, names) = self;
        match *fault {
            Fault::Kill(at) => write!(f, "SIGKILL {}", names[at]),
            Fault::End(at) => write!(f, "SIGTERM {}", names[at]),
            Fault::Freeze(at) => write!(f, "SIGSTOP {}", names[at]),
            Fault::Scale(at) => write!(f, "{} comes or goes", names[at]),
            Fault::Server(server) => write!(f, "kill -9 of {server:?}"),
            Fault::Servers => write!(f, "kill -9 of Postgres and Kafka"),
            Fault::Network(at, server, line) => {
                let line = match line {
                    Line::Cut => "cut",
                    Line::Silent => "silent",
                    Line::Unheard => "without answers",
                    Line::Slow => "slow",
                };
                write!(f, "network from {} to {server:?} {line}", names[at])
            }
            Fault::Wire(whom) => write!(f, "{whom:?} does not answer"),
            Fault::LostAnswers(times) => write!(f, "{times} answers of the provider get lost"),
        }
    }
}

/// A fault, and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Act {
    /// How long all is left alone before it.
    pub(super) pause: Duration,
    pub(super) fault: Fault,
    /// How long until it is mended.
    pub(super) lasts: Duration,
    /// Whether the next one comes without waiting for the shop to recover.
    pub(super) is_hurried: bool,
}

/// What there is to do harm to.
#[derive(Debug, Clone)]
pub(super) struct Targets {
    /// How many processes there are.
    pub(super) processes: usize,
    /// Those that are one of several, and not the first.
    pub(super) copies: Vec<usize>,
}

/// Faults without end, from a seed.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    dice: Dice,
    targets: Targets,
}

#[derive(Debug, Clone, Copy)]
enum Sort {
    Kill,
    End,
    Freeze,
    Scale,
    Postgres,
    Kafka,
    Both,
    Network,
    Wire,
    LostAnswers,
}

const SORTS: [(u64, Sort); 10] = [
    (36, Sort::Kill),
    (11, Sort::End),
    (9, Sort::Freeze),
    (8, Sort::Scale),
    (7, Sort::Postgres),
    (7, Sort::Kafka),
    (3, Sort::Both),
    (12, Sort::Network),
    (4, Sort::Wire),
    (3, Sort::LostAnswers),
];

impl Plan {
    pub(super) fn of(seed: u64, targets: Targets) -> Self {
        Self { dice: Dice::of(seed, "faults"), targets }
    }

    fn process(&mut self) -> usize {
        let sides = u64::try_from(self.targets.processes).expect("it is small");
        usize::try_from(self.dice.below(sides)).expect("it is small")
    }

    fn server(&mut self) -> Server {
        self.dice.pick(&[Server::Postgres, Server::Kafka])
    }

    fn fault(&mut self) -> Fault {
        match self.dice.weigh(&SORTS) {
            Sort::End => Fault::End(self.process()),
            Sort::Freeze => Fault::Freeze(self.process()),
            Sort::Scale if !self.targets.copies.is_empty() => {
                Fault::Scale(self.dice.pick(&self.targets.copies))
            }
            Sort::Kill | Sort::Scale => Fault::Kill(self.process()),
            Sort::Postgres => Fault::Server(Server::Postgres),
            Sort::Kafka => Fault::Server(Server::Kafka),
            Sort::Both => Fault::Servers,
            Sort::Network => {
                let (process, server) = (self.process(), self.server());
                let lines = [Line::Cut, Line::Silent, Line::Unheard, Line::Slow];
                Fault::Network(process, server, self.dice.pick(&lines))
            }
            Sort::Wire => {
                Fault::Wire(self.dice.pick(&[Outside::Provider, Outside::Carrier, Outside::Mail]))
            }
            Sort::LostAnswers => Fault::LostAnswers(self.dice.pick(&[1, 3, 8])),
        }
    }

    /// How long a fault lasts. Who is frozen or not reached is so mostly for longer than its lanes
    /// wait for it: it wakes up and is not their owner any more.
    fn lasts(&mut self, fault: Fault) -> Duration {
        let is_long = self.dice.is_one_in_hundred(60);
        match fault {
            Fault::Kill(_) | Fault::End(_) => self.dice.between(0, 2_000),
            Fault::Scale(_) | Fault::LostAnswers(_) => Duration::ZERO,
            Fault::Server(_) | Fault::Servers => self.dice.between(0, 6_000),
            Fault::Freeze(_) | Fault::Network(..) if is_long => self.dice.between(11_000, 15_000),
            Fault::Freeze(_) | Fault::Network(..) => self.dice.between(500, 5_000),
            Fault::Wire(_) => self.dice.between(500, 4_000),
        }
    }
}

impl Iterator for Plan {
    type Item = Act;

    fn next(&mut self) -> Option<Act> {
        let fault = self.fault();
        let lasts = self.lasts(fault);
        let is_hurried = self.dice.is_one_in_hundred(35);
        Some(Act { pause: self.dice.between(200, 2_500), fault, lasts, is_hurried })
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Plan, Targets};
    use std::collections::BTreeSet;

    fn plan(seed: u64, copies: Vec<usize>) -> Plan {
        Plan::of(seed, Targets { processes: 16, copies })
    }

    #[test]
    fn the_same_seed_does_the_same_harm_and_another_does_not() {
        let first = |seed| plan(seed, vec![12]).take(20).collect::<Vec<_>>();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }

    #[test]
    fn everything_is_done_sooner_or_later_and_to_everybody() {
        let acts: Vec<_> = plan(1, vec![12, 13]).take(400).collect();
        let kinds: BTreeSet<&str> = acts.iter().map(|act| act.fault.kind()).collect();
        assert_eq!(kinds.len(), 13);
        let killed = acts.iter().filter_map(|act| match act.fault {
            Fault::Kill(process) => Some(process),
            _ => None,
        });
        assert_eq!(killed.collect::<BTreeSet<_>>().len(), 16);
    }

    #[test]
    fn nobody_goes_who_is_the_only_one() {
        let goes = |fault| matches!(fault, Fault::Scale(_));
        assert!(!plan(1, Vec::new()).take(200).any(|act| goes(act.fault)));
    }
}
