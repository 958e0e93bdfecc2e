//! Figures of many rounds.

/// A figure's median and range over the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of at least one value.
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Self {
            median,
            min: values[0],
            max: values[values.len() - 1],
        }
    }
}

/// A figure's median, with the lowest and highest in brackets, divided by `unit`.
pub(crate) fn in_brackets(values: &[f64], unit: f64, digits: usize) -> String {
    let Spread { median, min, max } = Spread::of(values);
    let (median, min, max) = (median / unit, min / unit, max / unit);
    format!("{median:.digits$} ({min:.digits$}–{max:.digits$})")
}

/// The median of the rounds' ratios: other load on the machine affects both in the same round.
pub(crate) fn ratio(ours: &[f64], other: &[f64]) -> f64 {
    let ratios: Vec<f64> = ours
        .iter()
        .zip(other)
        .map(|(ours, other)| ours / other)
        .collect();
    Spread::of(&ratios).median
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two() {
        assert_eq!(
            Spread::of(&[3.0, 1.0, 2.0]),
            Spread {
                median: 2.0,
                min: 1.0,
                max: 3.0
            }
        );
        assert_eq!(
            Spread::of(&[4.0, 1.0, 2.0, 3.0]),
            Spread {
                median: 2.5,
                min: 1.0,
                max: 4.0
            }
        );
    }

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_ratios() {
        // The second round was disturbed, which affected both alike.
        let (app, floor) = ([80.0, 8.0, 90.0], [100.0, 10.0, 100.0]);
        assert!((ratio(&app, &floor) - 0.8).abs() < 1e-9);
    }
}
