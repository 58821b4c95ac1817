//! What was measured: every run, and medians and ranges of all rounds.

use crate::Failed;
use crate::figure::{FIGURES, Figures, PER_SECOND, Part};
use crate::setting::Setting;
use crate::stats::Spread;
use crate::tell::rule;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Where a figure belongs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// As `five`.
    pub work: String,
    pub on: String,
    /// As `64 in flight`.
    pub load: String,
}

/// What one run has shown.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    #[serde(flatten)]
    pub cell: Cell,
    pub round: usize,
    /// How many were done.
    pub count: u64,
    pub figures: Figures,
}

/// What all rounds have shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Summed {
    #[serde(flatten)]
    pub cell: Cell,
    pub figures: BTreeMap<String, Spread>,
}

/// Everything.
#[derive(Debug, Serialize)]
pub struct Report {
    pub setting: Setting,
    /// What was asked, in words of the command line.
    pub asked: String,
    pub cells: Vec<Summed>,
    pub runs: Vec<Run>,
}

/// What is read of a file.
#[derive(Deserialize)]
struct Read {
    cells: Vec<Summed>,
}

impl Report {
    pub fn of(setting: Setting, asked: String, runs: Vec<Run>) -> Self {
        Self { setting, asked, cells: sum(&runs), runs }
    }

    /// The tables.
    pub fn told(&self) -> String {
        let parts = [Part::Speed, Part::Cost, Part::Size, Part::Death];
        parts.map(|part| table(&self.cells, part)).concat()
    }
}

/// Reads the cells of a file.
pub fn read(file: &Path) -> Result<Vec<Summed>, Failed> {
    let unread = |why: &dyn std::fmt::Display| {
        format!("`{}` has no figures that can be read: {why}", file.display())
    };
    let text = std::fs::read_to_string(file).map_err(|why| unread(&why))?;
    Ok(serde_json::from_str::<Read>(&text).map_err(|why| unread(&why))?.cells)
}

/// Medians and ranges, cells in the order of their first runs.
fn sum(runs: &[Run]) -> Vec<Summed> {
    let mut cells: Vec<&Cell> = Vec::new();
    for run in runs {
        if !cells.contains(&&run.cell) {
            cells.push(&run.cell);
        }
    }
    let summed = |cell: &Cell| {
        let mine = || runs.iter().filter(|run| run.cell == *cell);
        let spread = |key: &str| {
            let mut values = mine().filter_map(|run| run.figures.get(key).copied()).peekable();
            values.peek()?;
            Some((key.to_owned(), Spread::of(values)))
        };
        let keys = FIGURES.iter().map(|figure| figure.key);
        Summed { cell: cell.clone(), figures: keys.filter_map(spread).collect() }
    };
    cells.into_iter().map(summed).collect()
}

/// One table: a row for each cell, and a column for each figure that any of them has.
fn table(cells: &[Summed], part: Part) -> String {
    let has = |key: &str| cells.iter().any(|cell| cell.figures.contains_key(key));
    let shown = FIGURES.iter().filter(|figure| figure.part == part && has(figure.key));
    let shown: Vec<_> = shown.collect();
    if shown.is_empty() {
        return String::new();
    }
    let titles = ["", "", ""].into_iter().chain(shown.iter().map(|figure| figure.title));
    let mut rows = vec![titles.map(str::to_owned).collect::<Vec<_>>()];
    let baseline = part == Part::Speed && cells.iter().any(|cell| is_baseline(&cell.cell));
    if baseline {
        rows[0].push("x textbook".to_owned());
    }
    for summed in cells {
        let Cell { work, on, load } = &summed.cell;
        let mut row = vec![work.clone(), on.clone(), load.clone()];
        row.extend(shown.iter().map(|figure| {
            let spread = summed.figures.get(figure.key);
            spread.map_or_else(|| "-".to_owned(), |spread| spread.told(figure.digits))
        }));
        if baseline {
            row.push(times(cells, summed));
        }
        rows.push(row);
    }
    format!("\n{}", rule(&rows))
}

fn is_baseline(cell: &Cell) -> bool {
    cell.on == "textbook"
}

/// How many times as fast as the textbook under the same load.
fn times(cells: &[Summed], one: &Summed) -> String {
    let rate = |summed: &Summed| summed.figures.get(PER_SECOND).map(|spread| spread.median);
    let same = |other: &&Summed| is_baseline(&other.cell) && other.cell.load == one.cell.load;
    let base = cells.iter().find(same).and_then(rate);
    match (rate(one), base) {
        (Some(mine), Some(base)) if base > 0.0 => format!("{:.1}", mine / base),
        _ => "-".to_owned(),
    }
}

/// Two files side by side: for each cell that both have, each figure and the second divided by the first.
pub fn compared(one: &[Summed], other: &[Summed]) -> String {
    let titles = ["", "", "", "", "first", "second", "second/first"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for before in one {
        let Some(after) = other.iter().find(|cell| cell.cell == before.cell) else { continue };
        for figure in FIGURES {
            let of = |summed: &Summed| summed.figures.get(figure.key).copied();
            let (Some(first), Some(second)) = (of(before), of(after)) else { continue };
            let Cell { work, on, load } = before.cell.clone();
            let mut row = vec![work, on, load, figure.title.to_owned()];
            row.extend([first.told(figure.digits), second.told(figure.digits)]);
            row.push(ratio(first.median, second.median));
            rows.push(row);
        }
    }
    match rows.len() {
        1 => "the files have no run in common\n".to_owned(),
        _ => rule(&rows),
    }
}

fn ratio(first: f64, second: f64) -> String {
    if first == 0.0 { "-".to_owned() } else { format!("{:.2}", second / first) }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Run, compared, sum, table};
    use crate::figure::Part;

    fn run(on: &str, round: usize, rate: f64) -> Run {
        let (work, on, load) = ("five".to_owned(), on.to_owned(), "8 in flight".to_owned());
        let figures = [("per_second".to_owned(), rate), ("cpu_us".to_owned(), 7.0)].into();
        Run { cell: Cell { work, on, load }, round, count: 1, figures }
    }

    #[test]
    fn rounds_are_summed_and_compared_with_the_textbook() {
        let rates = [("sqlite", 30.0), ("textbook", 4.0), ("sqlite", 10.0), ("textbook", 6.0)];
        let runs: Vec<Run> = rates.into_iter().map(|(on, rate)| run(on, 1, rate)).collect();
        let told = table(&sum(&runs), Part::Speed);
        assert_eq!(
            told,
            "\n                               a second  x textbook\n\
             five    sqlite  8 in flight  20 (10-30)         4.0\n\
             five  textbook  8 in flight     5 (4-6)         1.0\n"
        );
    }

    #[test]
    fn a_figure_that_nobody_has_is_no_column() {
        let told = table(&sum(&[run("sqlite", 1, 3.0)]), Part::Cost);
        assert!(told.contains("us CPU each") && !told.contains("us Postgres"), "{told}");
    }

    #[test]
    fn two_files_are_told_with_their_ratios() {
        let (one, other) = (sum(&[run("sqlite", 1, 40.0)]), sum(&[run("sqlite", 1, 60.0)]));
        let told = compared(&one, &other);
        let line = told.lines().find(|line| line.contains("a second")).unwrap();
        assert!(line.ends_with(" 40      60          1.50"), "{told}");
        let elsewhere = sum(&[run("kafka", 1, 1.0)]);
        assert_eq!(compared(&one, &elsewhere), "the files have no run in common\n");
    }
}
