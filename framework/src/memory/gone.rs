//! A whole group: where it stands, and deleting what it has left when it is no more.

use crate::clock::Time;
use crate::memory::state::State;
use crate::store::{Pruned, Scan, Slot, Snapshot, Space};
use bytes::Bytes;

/// All rows of a table, or the first of them.
fn all(table: &str, limit: u32) -> Scan {
    Scan { table: table.into(), from: Bytes::new(), to: None, limit }
}

impl State {
    pub(super) fn snapshot(&self, group: &str, table: Option<&str>) -> Snapshot {
        let lanes = self.lanes.iter().filter(|(id, _)| id.group == group);
        Snapshot {
            positions: lanes.map(|(id, lane)| (id.lane, lane.positions.clone())).collect(),
            rows: table.map_or_else(Vec::new, |table| self.scan(&all(table, u32::MAX))),
        }
    }

    /// Deletes some rows of the table of this name; when there are none left, the lanes.
    pub(super) fn forget_group(&mut self, group: &str, limit: u32) -> Pruned {
        let rows = self.scan(&all(group, limit));
        for (key, _) in &rows {
            self.write(Slot::new(Space::Rows, group, key.clone()), None, Time::default());
        }
        let deleted = rows.len() as u64;
        if deleted >= u64::from(limit) {
            return Pruned { deleted, is_done: false };
        }
        let lanes = self.lanes.len();
        self.lanes.retain(|id, _| id.group != group);
        self.dead.retain(|_, letter| letter.lane.group != group);
        Pruned { deleted: deleted + (lanes - self.lanes.len()) as u64, is_done: true }
    }
}
