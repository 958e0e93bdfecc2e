//! Checks the fields that the security contexts of pods and containers have in common.

use super::problems::Problems;
use crate::manifest::container::{SeccompProfile, SeccompType};

/// The highest user and group ID that Kubernetes accepts.
const MAX_ID: u32 = i32::MAX.cast_unsigned();

pub(super) fn user_id(path: &str, id: Option<u32>, problems: &mut Problems) {
    if id.is_some_and(|id| id > MAX_ID) {
        problems.add(path, format_args!("must be between 0 and {MAX_ID}"));
    }
}

/// `path` is that of the security context.
pub(super) fn seccomp(path: &str, profile: Option<&SeccompProfile>, problems: &mut Problems) {
    let Some(profile) = profile else {
        return;
    };
    let path = format!("{path}.seccompProfile");
    match profile.kind {
        SeccompType::Localhost => problems.add(
            &format!("{path}.type"),
            "profiles of the node are not supported here, only RuntimeDefault and Unconfined",
        ),
        SeccompType::RuntimeDefault | SeccompType::Unconfined => {
            if profile.localhost_profile.is_some() {
                problems.add(
                    &format!("{path}.localhostProfile"),
                    "must only be set for the type Localhost",
                );
            }
        }
    }
}
