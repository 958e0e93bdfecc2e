//! Kubernetes' `IntOrString`: a port number or name, a count or a percentage.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number, or a text that stands for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// A number.
    Int(i32),
    /// A name or a percentage.
    Text(String),
}

impl IntOrString {
    /// The number, or the percentage of `total`, rounded up or down as by the Deployment controller; `None`
    /// if it is neither, or negative.
    pub fn of(&self, total: u32, round_up: bool) -> Option<u32> {
        match self {
            Self::Int(count) => u32::try_from(*count).ok(),
            Self::Text(text) => {
                let percent: u64 = text.strip_suffix('%')?.parse().ok()?;
                let product = percent.checked_mul(u64::from(total))?;
                let count = if round_up {
                    product.div_ceil(100)
                } else {
                    product / 100
                };
                u32::try_from(count).ok()
            }
        }
    }
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_round_as_the_deployment_controller_does() {
        let quarter = IntOrString::Text("25%".to_owned());
        assert_eq!(quarter.of(3, true), Some(1));
        assert_eq!(quarter.of(3, false), Some(0));
        assert_eq!(IntOrString::Int(2).of(3, false), Some(2));
        assert_eq!(IntOrString::Int(-1).of(3, false), None);
        assert_eq!(IntOrString::Text("http".to_owned()).of(3, false), None);
    }
}
