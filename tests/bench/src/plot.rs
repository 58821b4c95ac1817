//! Plots as SVG: a line for each back end over the loads, on a logarithmic scale.

use crate::Failed;
use crate::figure::{FIGURES, Figure};
use crate::report::Summed;
use crate::stats::Spread;
use std::fmt::Write;
use std::path::Path;

/// What is worth a plot.
const PLOTTED: [&str; 5] = ["per_second", "p50_ms", "p99_ms", "cpu_us", "statements"];

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;

/// Told apart by those who see few colours, too.
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"];

/// A line: its name, and a figure at each load, by the place of the load.
struct Line {
    name: String,
    points: Vec<(usize, Spread)>,
}

/// Writes all plots into a folder; says how many.
pub fn write(cells: &[Summed], folder: &Path) -> Result<usize, Failed> {
    std::fs::create_dir_all(folder)?;
    let mut written = 0;
    for figure in FIGURES.iter().filter(|figure| PLOTTED.contains(&figure.key)) {
        if let Some(svg) = plot(cells, figure) {
            std::fs::write(folder.join(format!("{}.svg", figure.key)), svg)?;
            written += 1;
        }
    }
    Ok(written)
}

/// A figure over all loads; nothing if nobody has it.
fn plot(cells: &[Summed], figure: &Figure) -> Option<String> {
    let mut loads: Vec<&str> = Vec::new();
    let mut lines: Vec<Line> = Vec::new();
    for summed in cells {
        let Some(spread) = summed.figures.get(figure.key) else { continue };
        let at = place(&mut loads, &summed.cell.load);
        let name = format!("{} {}", summed.cell.work, summed.cell.on);
        let line = lines.iter().position(|line| line.name == name).unwrap_or_else(|| {
            lines.push(Line { name, points: Vec::new() });
            lines.len() - 1
        });
        lines[line].points.push((at, *spread));
    }
    let positive = || lines.iter().flat_map(|line| &line.points).map(|(_, spread)| spread);
    let least = positive().map(|spread| spread.least).filter(|value| *value > 0.0);
    let scale = Scale::of(
        least.fold(f64::INFINITY, f64::min),
        positive().map(|spread| spread.most).fold(0.0, f64::max),
    )?;
    Some(drawn(figure.title, &loads, &lines, scale))
}

fn place<'a>(loads: &mut Vec<&'a str>, load: &'a str) -> usize {
    loads.iter().position(|one| *one == load).unwrap_or_else(|| {
        loads.push(load);
        loads.len() - 1
    })
}

/// Powers of ten from one below the least to one above the most.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    from: i32,
    to: i32,
}

impl Scale {
    fn of(least: f64, most: f64) -> Option<Self> {
        if !least.is_finite() || most <= 0.0 {
            return None;
        }
        let from = least.log10().floor() as i32;
        Some(Self { from, to: (most.log10().ceil() as i32).max(from + 1) })
    }

    fn y(self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.from)) / f64::from(self.to - self.from);
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share.clamp(0.0, 1.0)
    }
}

fn drawn(title: &str, loads: &[&str], lines: &[Line], scale: Scale) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{title}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{title}</text>\n"
    );
    for power in scale.from..=scale.to {
        let (value, y) = (10_f64.powi(power), scale.y(10_f64.powi(power)));
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0
        );
    }
    for (at, load) in loads.iter().enumerate() {
        let (x, y) = (x(at, loads.len()), HEIGHT - BOTTOM + 20.0);
        let _ =
            writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{load}</text>");
    }
    for (at, line) in lines.iter().enumerate() {
        svg.push_str(&of(line, at, loads.len(), scale));
    }
    svg + "</svg>\n"
}

fn x(at: usize, count: usize) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * (at as f64 + 0.5) / count as f64
}

/// The medians joined, the ranges as strokes, and the name beside.
fn of(line: &Line, number: usize, loads: usize, scale: Scale) -> String {
    let colour = COLOURS[number % COLOURS.len()];
    let points = line.points.iter().map(|(at, spread)| (x(*at, loads), spread));
    let joined = points.clone().map(|(x, spread)| format!("{x:.1},{:.1}", scale.y(spread.median)));
    let joined = joined.collect::<Vec<_>>().join(" ");
    let mut svg = format!(
        "<polyline points=\"{joined}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n"
    );
    for (x, spread) in points {
        let [least, median, most] =
            [spread.least, spread.median, spread.most].map(|value| scale.y(value));
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{least:.1}\" y2=\"{most:.1}\" \
             stroke=\"{colour}\"/><circle cx=\"{x:.1}\" cy=\"{median:.1}\" r=\"3\" fill=\"{colour}\"/>"
        );
    }
    let (left, y) = (WIDTH - RIGHT + 12.0, TOP + 18.0 * number as f64);
    let _ =
        writeln!(svg, "<text x=\"{left:.1}\" y=\"{y:.1}\" fill=\"{colour}\">{}</text>", line.name);
    svg
}

#[cfg(test)]
mod tests {
    use super::{Scale, plot};
    use crate::figure::{FIGURES, Figure};
    use crate::report::{Cell, Summed};
    use crate::stats::Spread;

    fn figure(key: &str) -> &'static Figure {
        FIGURES.iter().find(|figure| figure.key == key).unwrap()
    }

    fn cell(on: &str, load: &str, rate: f64) -> Summed {
        let cell = Cell { work: "five".into(), on: on.into(), load: load.into() };
        let spread = Spread::of([rate, rate * 2.0].into_iter());
        Summed { cell, figures: [("per_second".to_owned(), spread)].into() }
    }

    #[test]
    fn a_scale_reaches_from_one_power_of_ten_to_another() {
        assert_eq!(Scale::of(30.0, 2_500.0), Some(Scale { from: 1, to: 4 }));
        assert_eq!(Scale::of(10.0, 10.0), Some(Scale { from: 1, to: 2 }));
        assert_eq!(Scale::of(f64::INFINITY, 0.0), None);
        let scale = Scale { from: 0, to: 2 };
        assert!(scale.y(1.0) > scale.y(10.0) && scale.y(10.0) > scale.y(100.0));
    }

    #[test]
    fn each_back_end_is_a_line_over_all_loads() {
        let cells = [cell("sqlite", "1 in flight", 9.0), cell("kafka", "8 in flight", 90.0)];
        let svg = plot(&cells, figure("per_second")).unwrap();
        assert_eq!(svg.matches("<polyline").count(), 2);
        for text in ["five sqlite", "five kafka", "1 in flight", "8 in flight", ">1000<"] {
            assert!(svg.contains(text), "{text}: {svg}");
        }
        assert!(plot(&cells, figure("cpu_us")).is_none());
    }
}
