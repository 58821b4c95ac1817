//! Medians, ranges and percentiles.

use serde::{Deserialize, Serialize};

/// What several rounds have shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// Of none, all are 0.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (values.first().copied(), values.last().copied());
        Self {
            median: middle(&values),
            least: least.unwrap_or_default(),
            most: most.unwrap_or_default(),
        }
    }

    /// The median and, when there were several rounds that differ, the range.
    pub fn told(&self, digits: usize) -> String {
        let Self { median, least, most } = *self;
        let median = format!("{median:.digits$}");
        let range = format!("{least:.digits$}-{most:.digits$}");
        if least == most { median } else { format!("{median} ({range})") }
    }
}

/// The value in the middle, or the mean of the two there.
fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    match sorted {
        [] => 0.0,
        _ if sorted.len() % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// The value below which so many percent lie, by nearest rank; the values are in order.
pub fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1).min(last)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Spread, percentile};

    #[test]
    fn percentiles_are_values_that_were_there() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!([50.0, 95.0, 99.0].map(|at| percentile(&values, at)), [50.0, 95.0, 99.0]);
        assert_eq!(percentile(&[7.0], 99.0), 7.0);
        assert_eq!(percentile(&[], 50.0), 0.0);
    }

    #[test]
    fn one_round_has_no_range() {
        assert_eq!(Spread::of([3.0].into_iter()).told(1), "3.0");
        assert_eq!(Spread::of([3.0, 1.0, 2.0].into_iter()).told(0), "2 (1-3)");
        assert_eq!(Spread::of([1.0, 2.0].into_iter()).told(1), "1.5 (1.0-2.0)");
    }
}
