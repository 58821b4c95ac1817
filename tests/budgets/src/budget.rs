//! A budget, and what is told when it does not hold.

use crate::table::{PLACE, of};
use std::fmt::Write;

/// In percent: how far from what was measured anything may be that is the same in every run: compilers differ, and what a
/// library allocates.
const NEAR: f64 = 5.0;

/// In percent: how much more than was measured there may be of what only has a ceiling.
const MORE: f64 = 10.0;

/// How much of something one saga, one purchase or one call may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Who spends it.
    pub who: &'static str,
    /// What is counted.
    pub what: &'static str,
    /// Below this it guards nothing any more.
    pub least: f64,
    /// How much it was when the budget was set.
    pub measured: f64,
    /// How much it may be.
    pub most: f64,
}

impl Budget {
    /// What must be so, no more and no less.
    #[must_use]
    pub const fn exactly(who: &'static str, what: &'static str, count: f64) -> Self {
        Self::between(who, what, count, count, count)
    }

    /// What is the same in every run of one build.
    #[must_use]
    pub const fn near(who: &'static str, what: &'static str, measured: f64) -> Self {
        let (least, most) = (part(measured, 100.0 - NEAR), part(measured, 100.0 + NEAR));
        Self::between(who, what, least.floor(), measured, most.ceil())
    }

    /// What is seen to be too much, and not to be less than it was.
    #[must_use]
    pub const fn up_to(who: &'static str, what: &'static str, measured: f64) -> Self {
        Self::between(who, what, 0.0, measured, part(measured, 100.0 + MORE).ceil())
    }

    /// What differs from run to run: the least that it may be, what was measured, the most.
    #[must_use]
    pub const fn between(
        who: &'static str,
        what: &'static str,
        least: f64,
        measured: f64,
        most: f64,
    ) -> Self {
        Self { who, what, least, measured, most }
    }

    /// Whether nobody sees when it becomes less.
    #[must_use]
    pub const fn is_ceiling(&self) -> bool {
        self.least == 0.0
    }

    /// A row of the table for people: who, what, what was measured, the budget.
    #[must_use]
    pub fn row(&self) -> String {
        let Self { who, what, least, measured, most } = self;
        let range = match (least == most, self.is_ceiling()) {
            (true, _) => number(*most),
            (false, true) => format!("up to {}", number(*most)),
            (false, false) => format!("{} to {}", number(*least), number(*most)),
        };
        format!("| {who} | {what} | {} | {range} |", number(*measured))
    }

    /// Whether that much is within it.
    ///
    /// # Errors
    ///
    /// A sentence that says what to do.
    pub fn check(&self, count: f64) -> Result<(), String> {
        let Self { who, what, least, measured, most } = self;
        let once = format!("when the budget was set it was {measured}");
        if count > *most {
            return Err(format!(
                "{who} takes {count} {what}, and its budget is {most}; {once}. Mend what takes more, or raise the \
                 number in `{PLACE}` and say why."
            ));
        }
        if count < *least {
            return Err(format!(
                "{who} takes only {count} {what}, and its budget begins at {least}; {once}. Lower the numbers in \
                 `{PLACE}`, so that what was gained is not lost again."
            ));
        }
        Ok(())
    }
}

/// Sees that what was counted of somebody is within their budgets, all of them.
///
/// # Panics
///
/// If it is not, with a sentence for each; and if something was counted for which there is no budget, or not
/// counted for which there is one.
pub fn keep(who: &str, counted: &[(&str, f64)]) {
    let (mut told, budgets) = (String::new(), of(who));
    for (what, count) in counted {
        // What tests print is kept back until they fail, or until somebody asks with `--nocapture`.
        println!("{who}: {count} {what}");
        let budget = budgets.iter().find(|budget| budget.what == *what);
        let budget = budget.unwrap_or_else(|| panic!("{who} has no budget of {what}"));
        if let Err(why) = budget.check(*count) {
            let _ = writeln!(told, "{why}");
        }
    }
    assert!(told.is_empty(), "\n{told}");
    assert_eq!(counted.len(), budgets.len(), "{who} has budgets of what was not counted");
}

const fn part(of: f64, percent: f64) -> f64 {
    of * percent / 100.0
}

/// As people write it: thousands apart.
fn number(value: f64) -> String {
    let text = value.to_string();
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let mut told = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            told.push(',');
        }
        told.push(digit);
    }
    if rest.is_empty() { told } else { format!("{told}.{rest}") }
}

#[cfg(test)]
mod tests {
    use super::{Budget, keep};

    #[test]
    fn a_row_is_told_as_people_write_numbers() {
        let row = |budget: Budget| budget.row();
        assert_eq!(row(Budget::exactly("a", "b", 11.0)), "| a | b | 11 | 11 |");
        assert_eq!(row(Budget::up_to("a", "b", 1_000.0)), "| a | b | 1,000 | up to 1,100 |");
        let wide = Budget::between("a", "b", 999.5, 12_345.0, 1_234_567.0);
        assert_eq!(row(wide), "| a | b | 12,345 | 999.5 to 1,234,567 |");
    }

    #[test]
    fn what_is_too_much_is_to_be_mended_or_given_a_reason() {
        let budget = Budget::between("a saga", "statements", 70.0, 80.0, 88.0);
        assert_eq!(budget.check(88.0), Ok(()));
        assert_eq!(
            budget.check(88.5).unwrap_err(),
            "a saga takes 88.5 statements, and its budget is 88; when the budget was set it was 80. Mend what \
             takes more, or raise the number in `tests/budgets/src/table.rs` and say why."
        );
    }

    #[test]
    fn what_is_far_below_is_to_be_kept() {
        let budget = Budget::between("a saga", "statements", 70.0, 80.0, 88.0);
        assert_eq!(budget.check(70.0), Ok(()));
        assert_eq!(
            budget.check(69.0).unwrap_err(),
            "a saga takes only 69 statements, and its budget begins at 70; when the budget was set it was 80. \
             Lower the numbers in `tests/budgets/src/table.rs`, so that what was gained is not lost again."
        );
    }

    #[test]
    fn what_is_the_same_in_every_run_has_a_narrow_budget() {
        let near = Budget::near("a saga", "allocations", 1_187.0);
        assert_eq!((near.least, near.most), (1_127.0, 1_247.0));
        let exactly = Budget::exactly("a saga", "messages", 11.0);
        assert!(exactly.check(11.0).is_ok());
        assert!(exactly.check(10.0).is_err() && exactly.check(12.0).is_err());
    }

    #[test]
    #[should_panic(expected = "a saga in memory has no budget of patience")]
    fn what_has_no_budget_is_named() {
        keep("a saga in memory", &[("patience", 1.0)]);
    }

    #[test]
    #[should_panic(expected = "a saga in memory has budgets of what was not counted")]
    fn what_is_not_counted_is_named() {
        keep("a saga in memory", &[("messages", 11.0)]);
    }
}
