//! Which capabilities a container has: the runtimes' common default, less and more as asked.

use std::collections::HashSet;

use oci_spec::runtime::{Capability, LinuxCapabilities, LinuxCapabilitiesBuilder};

use crate::manifest::Capabilities;

/// What containerd gives a container by default (its oci package, `defaultUnixCaps`).
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

/// The capabilities after dropping and adding; the error is a name that is none.
pub(super) fn resolve(asked: &Capabilities) -> Result<LinuxCapabilities, String> {
    let mut set: HashSet<Capability> = DEFAULT.into_iter().collect();
    for name in &asked.drop {
        if name.eq_ignore_ascii_case("ALL") {
            set.clear();
        } else {
            set.remove(&parse(name)?);
        }
    }
    for name in &asked.add {
        set.insert(parse(name)?);
    }
    LinuxCapabilitiesBuilder::default()
        .bounding(set.clone())
        .effective(set.clone())
        .permitted(set)
        .inheritable(HashSet::new())
        .ambient(HashSet::new())
        .build()
        .map_err(|error| error.to_string())
}

fn parse(name: &str) -> Result<Capability, String> {
    let upper = name.to_ascii_uppercase();
    let full = if upper.starts_with("CAP_") {
        upper
    } else {
        format!("CAP_{upper}")
    };
    serde_json::from_value(serde_json::Value::String(full)).map_err(|_| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_dropped_before_one_is_added() {
        let asked = Capabilities {
            add: vec!["NET_BIND_SERVICE".into()],
            drop: vec!["ALL".into()],
        };
        let set = resolve(&asked).unwrap();
        let only = HashSet::from([Capability::NetBindService]);
        assert_eq!(set.bounding().as_ref(), Some(&only));
        assert_eq!(
            resolve(&Capabilities::default())
                .unwrap()
                .bounding()
                .as_ref()
                .unwrap()
                .len(),
            14
        );
        let wrong = Capabilities {
            add: vec!["FLY".into()],
            drop: vec![],
        };
        assert_eq!(resolve(&wrong), Err("FLY".to_owned()));
    }
}
