//! What an app consists of, and the rules that only the whole of it can break.

use crate::app::Handlers;
use crate::broker::TopicSpec;
use crate::coordinator::Carrier;
use crate::engine::Handler;
use crate::error::{Error, ErrorKind};
use crate::message::{Topic, commands_of, replies_of};
use crate::reactor::{Reactor, Role};
use crate::saga::{Back, Head, Shape};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Everything that was registered, with what is wrong about it.
#[derive(Default)]
pub(crate) struct Definitions {
    pub(crate) handlers: Handlers,
    pub(crate) shapes: BTreeMap<&'static str, Arc<dyn Carrier>>,
    /// Topics that are written, though perhaps not read here.
    emits: Vec<Topic>,
    /// Topics of commands and replies.
    private: BTreeSet<String>,
    faults: Vec<String>,
    /// The longest that anything waits, and what that is.
    pub(crate) longest: Option<(Duration, String)>,
}

impl Definitions {
    pub(crate) fn handler(&mut self, handler: Arc<dyn Handler>) {
        if self.handlers.iter().any(|other| other.group() == handler.group()) {
            self.faults.push(format!("two things are called `{}`", handler.group()));
        }
        self.handlers.push(handler);
    }

    pub(crate) fn plan(&mut self, checked: Result<(), Error>, shape: &Shape) {
        self.faults.extend(checked.err().map(|told| told.to_string()));
        self.targets(shape);
    }

    /// The topics that the commands of a plan go to.
    pub(crate) fn targets(&mut self, shape: &Shape) {
        self.private.insert(replies_of(shape.saga));
        for step in &shape.steps {
            let what = || format!("step `{}` of saga `{}`", step.name, shape.saga);
            self.waits(step.within.unwrap_or_default(), what);
            if let Head::Ask { to, .. } | Head::Tell { to, .. } = step.head {
                self.private.insert(commands_of(to));
            }
            if let Back::Ask { to, .. } = step.back {
                self.private.insert(commands_of(to));
            }
        }
    }

    pub(crate) fn former(&mut self, current: &str, former: &str, checked: Result<(), Error>) {
        self.faults.extend(checked.err().map(|told| told.to_string()));
        if current != former {
            self.faults.push(format!("`{former}` is no former plan of `{current}`"));
        }
    }

    /// A reactor takes part in a saga or in a choreography, not in both (H30).
    pub(crate) fn reactor<R: Reactor>(&mut self) {
        let table = R::reactions();
        self.faults.extend(table.faults(R::NAME));
        for waiting in &table.waits {
            let what = || format!("wait `{}` of reactor `{}`", waiting.name, R::NAME);
            self.waits(waiting.wait.within, what);
        }
        let outline = table.outline();
        let backs = outline.iter().filter(|line| matches!(line.role, Role::Back { .. }));
        let (events, commands): (Vec<_>, Vec<_>) = backs.partition(|line| line.topic.is_some());
        if !events.is_empty() && !commands.is_empty() {
            self.faults.push(format!(
                "reactor `{}` takes back both on events and by commands; make it two reactors over \
                 the same functions",
                R::NAME
            ));
        }
        for line in outline {
            self.emits.extend(line.says.topics);
            self.emits.extend(line.too_late.topics);
        }
    }

    fn waits(&mut self, within: Duration, what: impl FnOnce() -> String) {
        if self.longest.as_ref().is_none_or(|(longest, _)| within > *longest) {
            self.longest = Some((within, what()));
        }
    }

    /// All topics, with their partitions.
    pub(crate) fn topics(&self, lanes: u32) -> Result<BTreeMap<String, TopicSpec>, Error> {
        let mut topics = BTreeMap::new();
        let mut add = |name: &str, partitions: Option<u32>, compacted: bool| {
            let partitions = partitions.unwrap_or(lanes);
            let spec = TopicSpec { name: name.to_owned(), partitions, compacted };
            topics.insert(name.to_owned(), spec);
        };
        for topic in &self.emits {
            add(topic.name, topic.partitions, topic.compacted);
        }
        for name in &self.private {
            add(name, None, false);
        }
        for handler in &self.handlers {
            for source in handler.sources() {
                add(&source.topic, source.partitions, source.compacted);
            }
        }
        self.check(lanes, &topics)?;
        Ok(topics)
    }

    /// A lane reads the same partition of every topic, so all that a group reads must have as many.
    fn check(&self, lanes: u32, topics: &BTreeMap<String, TopicSpec>) -> Result<(), Error> {
        let mut faults = self.faults.clone();
        if lanes == 0 {
            faults.push("an app has one lane at least, and this has none".to_owned());
        }
        for handler in &self.handlers {
            for source in handler.sources() {
                let has = topics.get(&source.topic).map_or(lanes, |topic| topic.partitions);
                if has != lanes {
                    faults.push(format!(
                        "`{}` reads topic `{}` of {has} partitions, and lanes are {lanes}; they must \
                         be equal",
                        handler.group(),
                        source.topic
                    ));
                }
            }
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Definition, faults.join("; "))),
        }
    }
}
