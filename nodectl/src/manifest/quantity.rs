//! Kubernetes' resource quantities: `100m`, `0.5`, `128Mi`, `1e3`.
//!
//! <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A quantity, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity {
    thousandths: i128,
}

/// A text that is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid quantity `{text}`: expected a number with a unit, such as 100m, 0.5 or 128Mi")]
pub struct QuantityError {
    text: String,
}

/// Suffixes that stand for less than a thousandth, with how many of them one has.
const TINY: [(&str, i128); 2] = [("u", 1000), ("n", 1_000_000)];

/// Suffixes with their values in thousandths.
const SUFFIXES: [(&str, i128); 14] = [
    ("Ki", 1000 << 10),
    ("Mi", 1000 << 20),
    ("Gi", 1000 << 30),
    ("Ti", 1000 << 40),
    ("Pi", 1000 << 50),
    ("Ei", 1000 << 60),
    ("m", 1),
    ("k", 1000 * 1000),
    ("M", 1000 * 1000_i128.pow(2)),
    ("G", 1000 * 1000_i128.pow(3)),
    ("T", 1000 * 1000_i128.pow(4)),
    ("P", 1000 * 1000_i128.pow(5)),
    ("E", 1000 * 1000_i128.pow(6)),
    ("", 1000),
];

impl Quantity {
    /// The quantity in thousandths: millicores of a CPU.
    pub fn milli(self) -> u64 {
        u64::try_from(self.thousandths).unwrap_or(0)
    }

    /// The quantity in whole units, rounded up: bytes of memory.
    pub fn whole(self) -> u64 {
        u64::try_from(self.thousandths.saturating_add(999) / 1000).unwrap_or(0)
    }

    /// Whether it is 0.
    pub fn is_zero(self) -> bool {
        self.thousandths == 0
    }

    /// How many `divisor`s it is, rounded up, as the downward API counts.
    pub fn divided_by(self, divisor: Self) -> u64 {
        if divisor.thousandths <= 0 {
            return self.whole();
        }
        u64::try_from(
            self.thousandths.saturating_add(divisor.thousandths - 1) / divisor.thousandths,
        )
        .unwrap_or(0)
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || QuantityError {
            text: text.to_owned(),
        };
        let unsigned = text.strip_prefix('+').unwrap_or(text);
        let number_end = unsigned
            .char_indices()
            .find(|(_, c)| !c.is_ascii_digit() && *c != '.')
            .map_or(unsigned.len(), |(at, _)| at);
        let (number, suffix) = unsigned.split_at(number_end);
        let (scale, parts) = unit(suffix).ok_or_else(error)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.len() > 9 || whole.len() > 18 {
            return Err(error());
        }
        let digits: i128 = format!("{whole}{fraction}").parse().map_err(|_| error())?;
        let unit = parts * 10_i128.pow(u32::try_from(fraction.len()).unwrap_or(0));
        let thousandths = digits.checked_mul(scale).ok_or_else(error)?;
        // Rounded up, as Kubernetes rounds beyond its precision.
        Ok(Self {
            thousandths: (thousandths + unit - 1) / unit,
        })
    }
}

/// The value of a suffix, as a fraction of thousandths.
fn unit(suffix: &str) -> Option<(i128, i128)> {
    let named = |table: &[(&str, i128)]| {
        let mut entries = table.iter();
        entries
            .find(|(name, _)| *name == suffix)
            .map(|(_, value)| *value)
    };
    match suffix.strip_prefix(['e', 'E']).map(str::parse::<i32>) {
        Some(Ok(exponent @ 0..=18)) => Some((1000 * 10_i128.pow(exponent.unsigned_abs()), 1)),
        Some(Ok(exponent @ -9..0)) => Some((1000, 10_i128.pow(exponent.unsigned_abs()))),
        _ => named(&SUFFIXES)
            .map(|scale| (scale, 1))
            .or_else(|| named(&TINY).map(|parts| (1, parts))),
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.thousandths % 1000 == 0 {
            write!(f, "{}", self.thousandths / 1000)
        } else {
            write!(f, "{}m", self.thousandths)
        }
    }
}

impl Serialize for Quantity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Text(String),
            Int(u64),
            Float(f64),
        }
        let text = match Raw::deserialize(deserializer)? {
            Raw::Text(text) => text,
            Raw::Int(number) => number.to_string(),
            Raw::Float(number) => number.to_string(),
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_kubernetes_quantities() {
        let check = |text: &str, milli: u64| {
            assert_eq!(text.parse::<Quantity>().unwrap().milli(), milli, "{text}");
        };
        check("100m", 100);
        check("0.5", 500);
        check("2", 2000);
        check(".25", 250);
        check("1e3", 1_000_000);
        check("1k", 1_000_000);
        check("+2", 2000);
        check("1e-1", 100);
        check("100u", 1);
        check("1500000n", 2);
        check("250000u", 250);
        assert_eq!("128Mi".parse::<Quantity>().unwrap().whole(), 128 << 20);
        assert_eq!("1.5Gi".parse::<Quantity>().unwrap().whole(), 3 << 29);
        for text in ["", "m", "1Xi", "-1", "1..2", "1e99", "99999999999999999999"] {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }
}
