//! What the owner of a lane concludes about its batches. Pure: what the store says is an argument.

use crate::broker::Arrived;
use crate::engine::memory::Memory;
use crate::store::{Advance, LaneId};

/// What became of a batch after whose commit nobody knew (H17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concluded {
    /// It was committed: its owner goes on from there.
    Committed,
    /// It was not, and never will be: the lane is taken again.
    Lost,
    /// Another owner, of this epoch, has the lane. Whether it was committed is that one's business.
    Superseded(u64),
}

/// Judges the batch of `advance` by what its own compare-and-set met when it was tried again: `Ok` where
/// the lane's row is as before it, else the epoch and the batch that the row says.
pub(super) const fn conclude(advance: &Advance, met: Result<(), (u64, u64)>) -> Concluded {
    match met {
        Ok(()) => Concluded::Lost,
        Err((epoch, batch)) if epoch == advance.epoch && batch == advance.batch + 1 => {
            Concluded::Committed
        }
        Err((epoch, _)) => Concluded::Superseded(epoch),
    }
}

impl Memory {
    /// The compare-and-set of the next batch of a lane, in which this has arrived, and before which so
    /// much has reached the broker.
    pub(super) fn advance(&self, lane: &LaneId, arrived: &[Arrived], published: u64) -> Advance {
        let mut positions = self.positions.clone();
        for Arrived { topic, offset, .. } in arrived {
            positions.entry(topic.to_string()).or_default().next = offset + 1;
        }
        let (lane, epoch, batch) = (lane.clone(), self.epoch, self.batch);
        let messages = arrived.iter().filter_map(|arrived| arrived.message.as_ref().ok());
        let said = messages.map(|message| message.envelope.occurred_at).max().unwrap_or_default();
        Advance { lane, epoch, batch, positions, published, said }
    }
}

#[cfg(test)]
mod tests {
    use super::{Concluded, conclude};
    use crate::engine::memory::Memory;
    use crate::store::LaneId;

    #[test]
    fn whether_a_batch_was_committed_is_read_off_the_row() {
        let memory = Memory { epoch: 3, batch: 7, ..Memory::default() };
        let advance = memory.advance(&LaneId::new("shop", 0), &[], 0);
        let met = [
            (Ok(()), Concluded::Lost),
            (Err((3, 8)), Concluded::Committed),
            (Err((4, 7)), Concluded::Superseded(4)),
            // The next owner may have found it committed; this one must not go on all the same.
            (Err((4, 8)), Concluded::Superseded(4)),
        ];
        for (met, expected) in met {
            assert_eq!(conclude(&advance, met), expected, "{met:?}");
        }
    }
}
