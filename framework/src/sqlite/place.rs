//! Where a message is in the log: topic, partition and offset in one number, in which they keep their order.
//!
//! A table by one number is the cheapest that SQLite has to append to and to read in order, and its rows may
//! be of any size. 2^40 offsets last a partition for a century at three hundred messages a second.

/// The bits of an offset, and of a partition.
const OFFSET: u32 = 40;
const PARTITION: u32 = 12;

/// The greatest offset.
pub(super) const OFFSETS: i64 = (1 << OFFSET) - 1;

/// How many partitions a topic can have, and how many topics a file.
pub(super) const PARTITIONS: u32 = 1 << PARTITION;
pub(super) const TOPICS: i64 = 1 << (63 - OFFSET - PARTITION);

/// The place of a message.
pub(super) fn of(topic: i64, partition: u32, offset: u64) -> i64 {
    first(topic, partition) | i64::try_from(offset).unwrap_or(i64::MAX).min(OFFSETS)
}

/// The first place of a partition.
pub(super) fn first(topic: i64, partition: u32) -> i64 {
    (topic << PARTITION | i64::from(partition)) << OFFSET
}

/// Its last.
pub(super) fn last(topic: i64, partition: u32) -> i64 {
    first(topic, partition) | OFFSETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_the_order_of_topic_partition_and_offset() {
        let most = PARTITIONS - 1;
        let places =
            [of(1, 0, 0), of(1, 0, 1), last(1, 0), of(1, 1, 0), last(1, most), of(2, 0, 0)];
        assert!(places.is_sorted() && places[0] < places[1], "{places:?}");
        assert_eq!(last(1, most) + 1, first(2, 0));
        assert!(last(TOPICS - 1, most) == i64::MAX);
    }
}
