//! How lanes are: progress, and not that a port is open.

use crate::clock::Time;
use crate::engine::lane::Lane;
use crate::engine::memory::Memory;
use crate::engine::settings::Settings;
use crate::error::{Error, ErrorKind};
use crate::store::Held;
use std::collections::BTreeMap;

/// How a lane of this process is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether the lane has an owner in this process that works.
    pub owned: bool,
    /// Whether everything was read that was there when the lane was taken; until then deadlines wait.
    pub caught_up: bool,
    /// The clock of the lane at its last batch.
    pub time: Time,
    /// How many batches it has committed in its life.
    pub batches: u64,
    /// Messages that are set aside, by why.
    pub parked: BTreeMap<Held, usize>,
    /// Calls to the outside that are under way.
    pub calling: usize,
    /// Messages that came again and were dropped, since this process took the lane.
    pub duplicates: u64,
    /// What is lost: messages that were deleted unread, and edges on which a message is missing for
    /// longer than a gap may last.
    pub broken: Vec<String>,
    /// What the lane last complained of, until its next batch; why what it says does not reach the broker;
    /// or that too much is set aside.
    pub told: Option<String>,
}

impl Health {
    /// Whether nothing keeps the lane from working.
    #[must_use]
    pub const fn is_well(&self) -> bool {
        self.owned && self.caught_up && self.broken.is_empty() && self.told.is_none()
    }

    pub(super) fn of(memory: &Memory, unpublished: Option<String>, settings: &Settings) -> Self {
        let mut parked = BTreeMap::new();
        let mut broken = BTreeMap::new();
        for at in memory.parked.values() {
            *parked.entry(at.held).or_default() += 1;
            let old = memory.time.since(at.since) > settings.gap;
            if let (Held::Gap, true, Some((edge, seq))) = (at.held, old, &at.edge) {
                let text = format!(
                    "{}/{} to {} misses the message before number {seq}",
                    edge.source, edge.lane, edge.topic
                );
                broken.entry(edge.clone()).or_insert(text);
            }
        }
        Self {
            owned: true,
            caught_up: memory.is_caught_up(),
            time: memory.time,
            batches: memory.batch,
            parked,
            calling: memory.calling.len(),
            duplicates: memory.duplicates,
            broken: memory.missed.iter().cloned().chain(broken.into_values()).collect(),
            told: unpublished.or_else(|| {
                let count = memory.parked.len();
                let text =
                    || format!("{count} messages are set aside: the lane takes one at a time");
                (count >= settings.parked).then(text)
            }),
        }
    }
}

impl Lane {
    /// How the lane is.
    pub(super) fn health(&self) -> Health {
        Health::of(&self.memory, self.publisher.trouble(), &self.wiring.settings)
    }

    pub(super) fn report(&mut self) {
        self.tell(self.health());
    }

    /// As long as it is not known whether the last batch is committed, how the lane is afterwards waits with
    /// what follows.
    pub(super) fn report_what_is_known(&mut self) {
        if self.following.is_empty() {
            self.report();
        }
    }

    /// Says how the lane is. An edge on which a message is missing for too long is a loss, and loud.
    pub(super) fn tell(&mut self, health: Health) {
        if health.broken != self.broken {
            for edge in &health.broken {
                tracing::error!(lane = %self.id, edge, "a message is missing; the edge is halted");
            }
            self.broken.clone_from(&health.broken);
        }
        self.wiring.hub.report(&self.id, health);
    }

    pub(super) fn complain(&self, told: &Error, what: &str) {
        // What is damaged does not mend itself.
        match told.kind() {
            ErrorKind::Codec => tracing::error!(lane = %self.id, %told, "{what}"),
            _ => tracing::warn!(lane = %self.id, %told, "{what}"),
        }
        let told = Some(told.to_string());
        self.wiring.hub.report(&self.id, Health { told, ..Health::default() });
    }
}
