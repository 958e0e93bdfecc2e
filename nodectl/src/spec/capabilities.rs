//! The capabilities of a container: containerd's default, with those of the manifest dropped and added.

use std::collections::HashSet;

use oci_spec::OciSpecError;
use oci_spec::runtime::{Capability, LinuxCapabilities, LinuxCapabilitiesBuilder};

use crate::manifest::{Capabilities, CapabilityName};

/// containerd's default capabilities of a container (its oci package, `defaultUnixCaps`).
const DEFAULT: [Capability; 14] = [
    Capability::Chown,
    Capability::DacOverride,
    Capability::Fsetid,
    Capability::Fowner,
    Capability::Mknod,
    Capability::NetRaw,
    Capability::Setgid,
    Capability::Setuid,
    Capability::Setfcap,
    Capability::Setpcap,
    Capability::NetBindService,
    Capability::SysChroot,
    Capability::Kill,
    Capability::AuditWrite,
];

/// The capabilities after dropping and adding, in containerd's order: `ALL` is dropped before any is added,
/// and single ones are dropped last.
pub(super) fn resolve(asked: &Capabilities) -> HashSet<Capability> {
    let mut set: HashSet<Capability> = if asked.drop.contains(&CapabilityName::All) {
        HashSet::new()
    } else {
        DEFAULT.into_iter().collect()
    };
    // `ALL` was refused when the manifest was checked.
    let single = |name: &CapabilityName| match name {
        CapabilityName::One(capability) => Some(*capability),
        CapabilityName::All => None,
    };
    set.extend(asked.add.iter().filter_map(single));
    for capability in asked.drop.iter().filter_map(single) {
        set.remove(&capability);
    }
    set
}

/// The capability sets of a process: none are inheritable.
pub(super) fn sets(set: &HashSet<Capability>) -> Result<LinuxCapabilities, OciSpecError> {
    LinuxCapabilitiesBuilder::default()
        .bounding(set.clone())
        .effective(set.clone())
        .permitted(set.clone())
        .inheritable(HashSet::new())
        .ambient(HashSet::new())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: impl IntoIterator<Item = Capability>) {
        let asked = serde_json::from_str(json).unwrap();
        assert_eq!(resolve(&asked), expected.into_iter().collect());
    }

    #[test]
    fn all_is_dropped_before_one_is_added() {
        check(
            r#"{"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}"#,
            [Capability::NetBindService],
        );
        check("{}", DEFAULT);
    }

    #[test]
    fn a_capability_that_is_added_and_dropped_is_dropped() {
        check(r#"{"add": ["NET_ADMIN"], "drop": ["net_admin"]}"#, DEFAULT);
    }
}
