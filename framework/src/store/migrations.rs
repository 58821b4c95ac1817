//! Migrations, and how a schema tells which ones have made it.
//!
//! Their number alone does not tell: two builds may have as many and other ones. So a schema keeps a sum of
//! what those say that have made it, and whoever opens it compares.
//!
//! Pure: adapters keep both, and say in their words what follows.

use crate::id::derived;

/// The migrations of a schema, by number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migrations(pub(crate) &'static [&'static str]);

/// What a schema is to the migrations of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// Made by all of them.
    Same,
    /// Made by the first so many of them.
    Older(usize),
    /// Made by more than this build knows.
    Newer,
    /// Made by as many as this build knows, or fewer, and by others.
    Otherwise,
}

impl Migrations {
    /// How many there are.
    pub(crate) const fn known(self) -> usize {
        self.0.len()
    }

    /// What a schema is that was made by so many, with this sum; zero migrations have made nothing yet.
    pub(crate) fn made(self, version: i64, sum: i64) -> Made {
        match usize::try_from(version) {
            Ok(0) => Made::Older(0),
            Ok(version) if version <= self.known() && sum != self.sum(version) => Made::Otherwise,
            Ok(version) if version < self.known() => Made::Older(version),
            Ok(version) if version == self.known() => Made::Same,
            _ => Made::Newer,
        }
    }

    /// The sum of the first so many: 64 bits of a UUID of version 5. Comments and blanks may change.
    pub(crate) fn sum(self, first: usize) -> i64 {
        let said: Vec<String> =
            self.0.iter().take(first).map(|migration| words(migration)).collect();
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        derived(&said).as_u64_pair().0.cast_signed()
    }
}

/// What a migration says, without comments, each word after one blank.
fn words(migration: &str) -> String {
    let lines = migration.lines().map(|line| line.split_once("--").map_or(line, |(said, _)| said));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Made, Migrations};

    const FIRST: &str = "CREATE TABLE a (\n    b int -- what it is\n);";
    const SECOND: &str = "CREATE TABLE c (d int);";
    const BOTH: Migrations = Migrations(&[FIRST, SECOND]);

    #[test]
    fn a_schema_is_told_by_how_many_have_made_it_and_what_they_say() {
        let (first, both) = (BOTH.sum(1), BOTH.sum(2));
        for (version, sum, expected) in [
            (0, 0, Made::Older(0)),
            (1, first, Made::Older(1)),
            (2, both, Made::Same),
            (3, both, Made::Newer),
            (-1, both, Made::Newer),
            (1, both, Made::Otherwise),
            (2, first, Made::Otherwise),
            (2, 0, Made::Otherwise),
        ] {
            assert_eq!(BOTH.made(version, sum), expected, "{version} {sum}");
        }
    }

    #[test]
    fn comments_and_blanks_may_change_and_nothing_else() {
        let sum = |text| Migrations(text).sum(usize::MAX);
        assert_eq!(sum(&[FIRST]), sum(&["-- why\nCREATE  TABLE a ( b int\n);"]));
        assert_ne!(sum(&[FIRST]), sum(&["CREATE TABLE a ( b bigint );"]));
        assert_ne!(sum(&[FIRST, SECOND]), sum(&[SECOND, FIRST]));
    }
}
