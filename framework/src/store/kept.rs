//! What is kept for a while and then deleted.

/// A kind of thing that is deleted when it is old enough.
///
/// What a service keeps in its own rows is its own business and never deleted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kept {
    /// Messages of an embedded log that every group has read. The newest of a partition stays, and of a
    /// compacted topic the newest of each key.
    Log,
    /// Messages of an embedded log, whether they were read or not.
    Unread,
    /// Messages that have reached a broker of its own.
    Outbox,
    /// Runs that have ended, by their end.
    Archive,
    /// What participants and reactors remember, by when they wrote it last.
    Barriers,
    /// Ids of foreign messages.
    Seen,
    /// Messages that were given up.
    DeadLetters,
}

impl Kept {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Log,
        Self::Unread,
        Self::Outbox,
        Self::Archive,
        Self::Barriers,
        Self::Seen,
        Self::DeadLetters,
    ];

    /// Whether the old ones are found only by looking at all, since no index that every batch would have to
    /// write says how old they are.
    #[must_use]
    pub const fn is_walked(self) -> bool {
        matches!(self, Self::Barriers | Self::Seen)
    }
}

/// What one bounded step of deleting came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// How many things were deleted.
    pub deleted: u64,
    /// Whether the round is over: everything of the kind was looked at since the last round was over.
    pub is_done: bool,
}
