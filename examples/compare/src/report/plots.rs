//! Plots as SVG, each with its axis, its unit and its values.

use super::escape;
use crate::figures::Figures;
use std::fmt::Write;

/// Bars that belong together: one for each way.
pub struct Group {
    pub name: String,
    pub bars: Vec<(&'static str, f64)>,
}

/// How wide a plot is drawn; the page makes it as wide as there is room.
const WIDTH: f64 = 400.0;
/// How much is left for a value behind the longest bar.
const RIGHT: f64 = 54.0;
/// About as wide as a letter is.
const LETTER: f64 = 7.4;
const BAR: f64 = 16.0;
const GAP: f64 = 10.0;

/// Steps of an axis that people can read, about four up to this value, and one at its end or beyond.
fn ticks(most: f64) -> Vec<f64> {
    let rough = most.max(1e-9) / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    let step = step.into_iter().find(|step| *step >= rough).unwrap_or(power);
    let count = (most / step).ceil().max(1.0) as usize;
    (0..=count).map(|at| at as f64 * step).collect()
}

/// A number with as many decimals as it needs.
fn number(value: f64) -> String {
    match value {
        whole if (whole - whole.round()).abs() < 1e-6 => format!("{whole:.0}"),
        small if small < 10.0 => format!("{small:.1}"),
        fine if fine < 100.0 => format!("{fine:.1}"),
        large => format!("{large:.0}"),
    }
}

fn frame(caption: &str, height: f64, inside: &str) -> String {
    let caption = escape(caption);
    format!(
        "<figure><figcaption>{caption}</figcaption><svg viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"{caption}\">{inside}</svg></figure>\n"
    )
}

/// Horizontal bars. A group without a name is labelled by its ways.
pub fn bars(caption: &str, unit: &str, groups: &[Group]) -> String {
    let values = groups.iter().flat_map(|group| group.bars.iter().map(|(_, value)| *value));
    let ticks = ticks(values.fold(0.0, f64::max));
    let most = ticks.last().copied().unwrap_or(1.0);
    let named = groups.iter().map(|group| match group.name.len() {
        0 => group.bars.iter().map(|(way, _)| way.len()).max().unwrap_or(0),
        some => some,
    });
    let left = named.max().unwrap_or(0) as f64 * LETTER + 14.0;
    let x = |value: f64| left + (WIDTH - left - RIGHT) * value / most;
    let tall = |group: &Group| BAR * group.bars.len() as f64 + GAP;
    let bottom = GAP + groups.iter().map(tall).sum::<f64>();
    let mut svg = String::new();
    for tick in &ticks {
        let (at, below) = (x(*tick), bottom + 14.0);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"4\" y2=\"{bottom}\"/><text \
             class=\"soft\" x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{}</text>",
            number(*tick)
        );
    }
    let mut y = GAP;
    for group in groups {
        let middle = y + BAR * group.bars.len() as f64 / 2.0 + 4.0;
        let _ = write!(svg, "{}", label(&group.name, left, middle));
        for (way, value) in &group.bars {
            let (wide, text, behind) = (x(*value) - left, y + 12.0, x(*value) + 5.0);
            if group.name.is_empty() {
                svg.push_str(&label(way, left, text));
            }
            let _ = write!(
                svg,
                "<rect class=\"{way}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{:.1}\"/>\
                 <text x=\"{behind:.1}\" y=\"{text:.1}\">{}</text>",
                y + 1.0,
                BAR - 2.0,
                number(*value)
            );
            y += BAR;
        }
        y += GAP;
    }
    let _ = write!(
        svg,
        "<line class=\"axis\" x1=\"{left:.1}\" x2=\"{left:.1}\" y1=\"4\" y2=\"{bottom}\"/><text class=\"soft\" \
         x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"middle\">{unit}</text>",
        (left + WIDTH - RIGHT) / 2.0,
        bottom + 30.0
    );
    frame(caption, bottom + 36.0, &svg)
}

fn label(text: &str, left: f64, y: f64) -> String {
    let (x, text) = (left - 8.0, escape(text));
    format!("<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{text}</text>")
}

/// The share of completed purchases that had come to their end by then, with p50 and p95.
pub fn distribution(caption: &str, all: &[Figures]) -> String {
    let (left, right, top, bottom) = (44.0, 24.0, 10.0, 190.0);
    let longest = all.iter().filter_map(|f| f.latencies_ms.last()).fold(1.0, |a: f64, b| a.max(*b));
    let ticks = ticks(longest);
    let most = ticks.last().copied().unwrap_or(1.0);
    let x = |ms: f64| left + (WIDTH - left - right) * ms / most;
    let y = |share: f64| bottom - (bottom - top) * share;
    let mut svg = String::new();
    for tick in &ticks {
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{top}\" y2=\"{bottom}\"/><text \
             class=\"soft\" x=\"{0:.1}\" y=\"{1:.1}\" text-anchor=\"middle\">{2}</text>",
            x(*tick),
            bottom + 15.0,
            number(*tick)
        );
    }
    for percent in [0, 50, 95, 100] {
        let at = y(f64::from(percent) / 100.0);
        // The hundred and the ninety-five are too near to each other for two texts.
        let text = if percent == 100 { String::new() } else { format!("{percent} %") };
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/><text \
             class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            WIDTH - right,
            left - 6.0,
            at + 4.0
        );
    }
    for figures in all {
        let (way, count) = (figures.way, figures.latencies_ms.len().max(1) as f64);
        let mut points = format!("{:.1},{:.1}", x(0.0), y(0.0));
        let mut share = 0.0;
        for ms in &figures.latencies_ms {
            let _ = write!(points, " {:.1},{:.1}", x(*ms), y(share));
            share += 1.0 / count;
            let _ = write!(points, " {:.1},{:.1}", x(*ms), y(share));
        }
        let _ = write!(svg, "<polyline class=\"{way}\" points=\"{points}\"/>");
        for (ms, share) in [(figures.latency_p50_ms, 0.5), (figures.latency_p95_ms, 0.95)] {
            let _ = write!(
                svg,
                "<line class=\"{way}\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1:.1}\" y2=\"{bottom}\"/>",
                x(ms),
                y(share)
            );
        }
    }
    let _ = write!(
        svg,
        "<line class=\"axis\" x1=\"{left}\" x2=\"{:.1}\" y1=\"{bottom}\" y2=\"{bottom}\"/><text \
         class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">ms from the order to the \
         parcel; dashed: p50 and p95</text>",
        WIDTH - right,
        (left + WIDTH - right) / 2.0,
        bottom + 32.0
    );
    frame(caption, bottom + 40.0, &svg)
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn an_axis_ends_where_the_longest_bar_ends_or_beyond() {
        assert_eq!(ticks(13.0), [0.0, 5.0, 10.0, 15.0]);
        assert_eq!(ticks(300.0), [0.0, 100.0, 200.0, 300.0]);
        assert!(ticks(0.0).len() > 1);
        for most in [0.7, 33.0, 974.0, 2_308.0] {
            let ticks = ticks(most);
            assert!(*ticks.last().unwrap() >= most && ticks.len() <= 6, "{most}: {ticks:?}");
        }
    }
}
