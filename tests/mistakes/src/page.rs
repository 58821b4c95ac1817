//! The table in `docs/internals/proof.md`, between two marks.

use crate::Failed;
use crate::layers::root;
use crate::schedules;
use crate::work::{Found, told};
use std::fmt::Write;
use std::fs;

/// The page.
pub const PAGE: &str = "docs/internals/proof.md";

const BEGIN: &str = "<!-- measured by cargo run -p mistakes -->\n";
const END: &str = "<!-- until here -->";

/// What was found, as a table.
pub fn table(found: &[Found<'_>]) -> String {
    let mut table =
        "| mistake | the engine … | classes | caught by | simulation |\n|---|---|---|---|---|\n"
            .to_owned();
    for Found { row, caught, schedules } in found {
        let classes = row.classes.replace(' ', ", ");
        let (name, what, caught) = (row.name, row.what, told(caught));
        let schedules = schedules::told(*schedules);
        writeln!(table, "| `{name}` | {what} | {classes} | {caught} | {schedules} |")
            .expect("a string takes all");
    }
    table
}

/// Puts a table where the last one was.
pub fn write(table: &str) -> Result<(), Failed> {
    let path = root().join(PAGE);
    let page = fs::read_to_string(&path)?;
    fs::write(&path, put(&page, table).ok_or("the page has no place for the table")?)?;
    eprintln!("the table stands in {PAGE}");
    Ok(())
}

fn put(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, PAGE, put};
    use crate::layers::root;
    use crate::mistake::ALL;

    #[test]
    fn the_table_takes_the_place_of_the_last_one() {
        let page = format!("a\n{BEGIN}old\n{END}\nb\n");
        let once = put(&page, "new\n").unwrap();
        assert_eq!(once, format!("a\n{BEGIN}\nnew\n\n{END}\nb\n"));
        assert_eq!(put(&once, "new\n"), Some(once));
        assert_eq!(put("no place", "new\n"), None);
    }

    #[test]
    fn the_page_names_every_mistake_and_who_caught_it() {
        let page = std::fs::read_to_string(root().join(PAGE)).unwrap();
        let (_, rest) = page.split_once(BEGIN).expect("the page has a table");
        let (table, _) = rest.split_once(END).expect("the table has an end");
        let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
        let named: Vec<&str> = rows.iter().filter_map(|row| row.split('`').nth(1)).collect();
        let known: Vec<&str> = ALL.iter().map(|row| row.name).collect();
        assert_eq!(named, known, "run `cargo run -p mistakes` and commit the page");
        let missed: Vec<&&str> = rows.iter().filter(|row| row.contains("| nobody |")).collect();
        assert!(missed.is_empty(), "a mistake that nobody catches is a missing test: {missed:?}");
    }
}
