//! The Pod Security Standards that a namespace may enforce.
//!
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/>

use std::fmt;
use std::str::FromStr;

/// The label of a Namespace that names the standard which its pods must meet.
pub(super) const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

/// What is expected of the label.
pub(super) const STANDARDS: &str = "expected privileged, baseline or restricted";

/// A standard, each stricter than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodStandard {
    /// Everything is allowed.
    Privileged,
    /// Known ways to more privileges are not.
    Baseline,
    /// Only what a hardened pod needs is.
    Restricted,
}

/// A text that is not a standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{STANDARDS}")]
pub struct PodStandardError;

impl FromStr for PodStandard {
    type Err = PodStandardError;

    fn from_str(text: &str) -> Result<Self, PodStandardError> {
        match text {
            "privileged" => Ok(Self::Privileged),
            "baseline" => Ok(Self::Baseline),
            "restricted" => Ok(Self::Restricted),
            _ => Err(PodStandardError),
        }
    }
}

impl fmt::Display for PodStandard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        })
    }
}
