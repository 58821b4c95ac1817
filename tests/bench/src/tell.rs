//! Progress and tables.

/// Says how far it is, beside the figures.
pub fn say(text: &str) {
    eprintln!("{text}");
}

/// A table whose columns are as wide as they must be, and to the right.
pub fn rule(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(String::len).max();
    let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
        cells.collect::<Vec<_>>().join("  ") + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::rule;

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [vec!["a".to_owned(), "bcd".to_owned()], vec!["12".to_owned(), "3".to_owned()]];
        assert_eq!(rule(&rows), " a  bcd\n12    3\n");
    }
}
