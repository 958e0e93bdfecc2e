//! Targets and the figures measured, and their table in the document.

use std::fmt::{self, Write as _};

/// The bound of a target.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) => write!(f, "≥ {limit}"),
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
        }
    }
}

/// A target and the measured figure.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) wanted: Wanted,
    /// The unit of the bound and the figure, with a space before it.
    pub(crate) unit: &'static str,
    /// The number of decimals.
    pub(crate) digits: usize,
    pub(crate) measured: Option<f64>,
}

impl Target {
    /// A figure that must not exceed `limit`.
    pub(crate) fn at_most(
        what: &str,
        limit: f64,
        unit: &'static str,
        digits: usize,
        measured: Option<f64>,
    ) -> Self {
        Self {
            what: what.to_owned(),
            wanted: Wanted::AtMost(limit),
            unit,
            digits,
            measured,
        }
    }

    /// Whether a figure meets the bound.
    pub(crate) fn met(&self, measured: f64) -> bool {
        match self.wanted {
            Wanted::AtLeast(limit) => measured >= limit,
            Wanted::AtMost(limit) => measured <= limit,
        }
    }
}

/// Writes the table of targets.
pub(crate) fn write(out: &mut String, targets: &[Target]) -> fmt::Result {
    writeln!(out, "| target | wanted | measured | |\n|---|---|---|---|")?;
    for target in targets {
        let Target {
            what,
            wanted,
            unit,
            digits,
            ..
        } = target;
        match target.measured {
            Some(measured) => {
                let outcome = if target.met(measured) {
                    "met"
                } else {
                    "**missed**"
                };
                writeln!(
                    out,
                    "| {what} | {wanted}{unit} | {measured:.digits$}{unit} | {outcome} |"
                )?;
            }
            None => writeln!(out, "| {what} | {wanted}{unit} | not measured | |")?,
        }
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_met_at_the_bound() {
        let target = |wanted| Target {
            what: String::new(),
            wanted,
            unit: "",
            digits: 0,
            measured: None,
        };
        let (least, most) = (target(Wanted::AtLeast(3.0)), target(Wanted::AtMost(3.0)));
        assert!(least.met(3.0) && !least.met(2.9));
        assert!(most.met(3.0) && !most.met(3.1));
    }
}
