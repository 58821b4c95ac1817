//! What sagas may be measured over.

/// Where all is kept, and who carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Nothing is kept: what the engine itself costs.
    Memory,
    /// Store and log in one file.
    Sqlite,
    /// Store and log in one Postgres.
    Postgres,
    /// A Postgres, and a Kafka.
    Kafka,
    /// No engine at all: a transaction for each message, as textbooks have it, over Postgres.
    Textbook,
    /// The same, whose relay hands over through Kafka.
    TextbookKafka,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Memory,
        Self::Sqlite,
        Self::Postgres,
        Self::Kafka,
        Self::Textbook,
        Self::TextbookKafka,
    ];

    /// As it is asked for.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Kafka => "kafka",
            Self::Textbook => "textbook",
            Self::TextbookKafka => "textbook-kafka",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Whether nothing is needed but this process.
    pub const fn is_embedded(self) -> bool {
        matches!(self, Self::Memory | Self::Sqlite)
    }

    /// Whether it is what the others are compared with.
    pub const fn is_baseline(self) -> bool {
        matches!(self, Self::Textbook | Self::TextbookKafka)
    }

    pub const fn needs_kafka(self) -> bool {
        matches!(self, Self::Kafka | Self::TextbookKafka)
    }
}

#[cfg(test)]
mod tests {
    use super::Backend;

    #[test]
    fn each_is_found_by_its_name() {
        for one in Backend::ALL {
            assert_eq!(Backend::named(one.name()), Some(one));
        }
        assert_eq!(Backend::named("oracle"), None);
    }
}
