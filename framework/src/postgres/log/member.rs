//! Who reads which lanes of a group.

use super::reader::LaneReader;
use super::tail::Tails;
use super::watch::{Met, Watch};
use crate::broker::{Member, Reader};
use crate::clock::rest;
use crate::error::Error;
use crate::postgres::pool::{Pool, closed};
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// How long it takes at most to say good-bye.
const GOODBYE: Duration = Duration::from_secs(2);

/// A member of a group. The others are in this process or in any other.
pub(super) struct Membership {
    pub(super) watch: Arc<Watch>,
    pub(super) pool: Arc<Pool>,
    pub(super) tails: Arc<Tails>,
    pub(super) id: Uuid,
    pub(super) group: String,
    pub(super) topics: BTreeSet<String>,
    pub(super) lanes: u32,
    pub(super) last: Option<BTreeSet<u32>>,
    pub(super) met: watch::Receiver<Met>,
    pub(super) has_left: bool,
}

impl Drop for Membership {
    /// Whoever goes without a word says good-bye behind its back, if it can.
    fn drop(&mut self) {
        self.watch.forget(&self.group, self.id);
        if let (false, Ok(runtime)) = (self.has_left, tokio::runtime::Handle::try_current()) {
            let (watch, group, id) = (Arc::clone(&self.watch), self.group.clone(), self.id);
            runtime.spawn(async move { watch.leave(&group, id).await });
        }
    }
}

#[async_trait]
impl Member for Membership {
    async fn assigned(&mut self) -> Result<BTreeSet<u32>, Error> {
        loop {
            let lanes = deal(&self.met.borrow_and_update(), &self.group, self.id, self.lanes);
            if self.last.as_ref() != Some(&lanes) {
                self.last = Some(lanes.clone());
                return Ok(lanes);
            }
            if self.met.changed().await.is_err() {
                return Err(closed());
            }
        }
    }

    fn reader(&self, lane: u32) -> Box<dyn Reader> {
        let reader = LaneReader::new(&self.pool, &self.tails, &self.topics, lane);
        self.watch.hurry();
        Box::new(reader)
    }

    async fn leave(mut self: Box<Self>) {
        self.has_left = true;
        tokio::select! {
            biased;
            left = self.watch.leave(&self.group, self.id) => if let Err(told) = left {
                tracing::warn!(group = %self.group, %told, "it leaves without a word, and will be missed");
            },
            () = rest(GOODBYE) => {}
        }
    }
}

/// The lanes of a member: they are dealt out in the order in which members joined. One that was missed has
/// none, until the others see it again.
fn deal(met: &Met, group: &str, member: Uuid, lanes: u32) -> BTreeSet<u32> {
    let members = met.get(group).map(Vec::as_slice).unwrap_or_default();
    let Some(me) = members.iter().position(|other| *other == member) else {
        return BTreeSet::new();
    };
    (0..lanes).filter(|lane| *lane as usize % members.len() == me).collect()
}

#[cfg(test)]
mod tests {
    use super::{Met, deal};
    use std::collections::BTreeSet;
    use uuid::Uuid;

    #[test]
    fn every_lane_is_dealt_to_one_member_and_none_to_who_was_missed() {
        let ids: Vec<Uuid> = (1..=3).map(Uuid::from_u128).collect();
        let met = Met::from([("g".to_owned(), ids.clone())]);
        let dealt: Vec<BTreeSet<u32>> = ids.iter().map(|id| deal(&met, "g", *id, 5)).collect();
        assert_eq!(dealt, [[0, 3].into(), [1, 4].into(), [2].into()]);
        assert_eq!(deal(&met, "g", Uuid::from_u128(9), 5), BTreeSet::new());
        assert_eq!(deal(&met, "other", ids[0], 5), BTreeSet::new());
    }
}
