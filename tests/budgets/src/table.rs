//! Every budget. `docs/internals/budgets.md` has the same table, and a test holds the two together.

use crate::budget::Budget;

/// Where it stands, for whoever has to change a number.
pub(crate) const PLACE: &str = "tests/budgets/src/table.rs";

/// Who executes instructions.
pub const INSTRUCTIONS: &str = "the core";

/// All of them.
pub const TABLE: &[Budget] = &[
    // In one thread and in virtual time no run differs from another.
    Budget::exactly("a saga in memory", "messages", 11.0),
    Budget::near("a saga in memory", "bytes of messages", 1_770.0),
    Budget::exactly("a saga in memory", "commits", 11.0),
    Budget::near("a saga in memory", "allocations", 1_229.0),
    Budget::near("a saga in memory", "bytes allocated", 295_900.0),
    Budget::exactly("a purchase with a coordinator in memory", "messages", 37.0),
    Budget::near("a purchase with a coordinator in memory", "bytes of messages", 9_446.0),
    Budget::exactly("a purchase with a coordinator in memory", "commits", 40.0),
    Budget::near("a purchase with a coordinator in memory", "allocations", 7_881.0),
    Budget::near("a purchase with a coordinator in memory", "bytes allocated", 1_443_000.0),
    Budget::exactly("a purchase by reactions in memory", "messages", 17.0),
    Budget::near("a purchase by reactions in memory", "bytes of messages", 4_585.0),
    Budget::exactly("a purchase by reactions in memory", "commits", 54.0),
    Budget::near("a purchase by reactions in memory", "allocations", 8_097.0),
    Budget::near("a purchase by reactions in memory", "bytes allocated", 1_592_000.0),
    // Without what begins and ends a transaction: how many batches share one is a matter of moments.
    Budget::near("a saga in SQLite", "statements", 87.0),
    Budget::near("a saga in SQLite", "driver calls", 12.0),
    Budget::near("a purchase with a coordinator in SQLite", "statements", 330.0),
    Budget::near("a purchase with a coordinator in SQLite", "driver calls", 76.0),
    Budget::near("a purchase by reactions in SQLite", "statements", 392.5),
    Budget::near("a purchase by reactions in SQLite", "driver calls", 101.0),
    Budget::between("a saga in Postgres", "statements", 11.9, 12.6, 17.0),
    Budget::between("a saga in Postgres", "commits", 10.5, 11.0, 11.5),
    Budget::between("a saga in Postgres", "bytes to its log", 13_500.0, 15_000.0, 16_700.0),
    // Every run of one build counts the same. Compilers and allocators differ.
    Budget::up_to(INSTRUCTIONS, "instructions to decide on a begin", 3_032.0),
    Budget::up_to(INSTRUCTIONS, "instructions to decide on the third of five replies", 3_866.0),
    Budget::up_to(INSTRUCTIONS, "instructions to decide on the last of five replies", 3_093.0),
    Budget::up_to(INSTRUCTIONS, "instructions to take the next of an edge", 692.0),
    Budget::up_to(INSTRUCTIONS, "instructions to drop a duplicate of an edge", 393.0),
    Budget::up_to(INSTRUCTIONS, "instructions to encode a command", 1_475.0),
    Budget::up_to(INSTRUCTIONS, "instructions to encode a reply", 1_424.0),
    Budget::up_to(INSTRUCTIONS, "instructions to decode a command", 6_025.0),
    Budget::up_to(INSTRUCTIONS, "instructions to decode a reply", 5_697.0),
    Budget::up_to(INSTRUCTIONS, "instructions to write the headers of a command", 2_295.0),
    Budget::up_to(INSTRUCTIONS, "instructions to read the headers of a command", 5_700.0),
];

/// The budgets of somebody.
#[must_use]
pub fn of(who: &str) -> Vec<Budget> {
    TABLE.iter().filter(|budget| budget.who == who).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::TABLE;
    use std::collections::BTreeSet;
    use std::fmt::Write;

    const PAGE: &str = include_str!("../../../docs/internals/budgets.md");

    #[test]
    fn the_page_has_every_budget_as_it_is() {
        let mut rows = String::new();
        for budget in TABLE {
            let _ = writeln!(rows, "{}", budget.row());
        }
        assert!(PAGE.contains(&rows), "`docs/internals/budgets.md` is to have these rows:\n{rows}");
    }

    #[test]
    fn nobody_has_two_budgets_of_the_same() {
        let names: BTreeSet<_> = TABLE.iter().map(|budget| (budget.who, budget.what)).collect();
        assert_eq!(names.len(), TABLE.len());
    }

    #[test]
    fn what_was_measured_is_within_every_budget_and_none_is_wide() {
        for budget in TABLE {
            assert_eq!(budget.check(budget.measured), Ok(()));
            assert!(budget.least >= budget.most * 0.7 || budget.is_ceiling(), "{}", budget.row());
            assert!(budget.measured >= budget.most * 0.7, "{}", budget.row());
        }
    }
}
