//! The pods that have to answer.

use std::collections::BTreeSet;

/// The pods whose responses count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// Each of these pods has to answer.
    Pods(BTreeSet<String>),
    /// This many different pods have to answer.
    Any(usize),
}

impl Expected {
    /// Whether a response of this pod counts.
    pub(super) fn includes(&self, pod: &str) -> bool {
        match self {
            Self::Pods(pods) => pods.contains(pod),
            Self::Any(_) => true,
        }
    }

    pub(super) fn is_met(&self, passed: &BTreeSet<String>) -> bool {
        match self {
            Self::Pods(pods) => !passed.is_empty() && pods.is_subset(passed),
            Self::Any(count) => passed.len() >= (*count).max(1),
        }
    }

    pub(super) fn missing(&self, passed: &BTreeSet<String>) -> String {
        match self {
            Self::Pods(pods) => joined(&pods.difference(passed).cloned().collect()),
            Self::Any(count) => format!("{} of {count} pods", count.saturating_sub(passed.len())),
        }
    }
}

/// A list of pods for messages.
pub(super) fn joined(pods: &BTreeSet<String>) -> String {
    let names: Vec<_> = pods.iter().map(String::as_str).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
