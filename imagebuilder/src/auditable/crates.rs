//! The list itself: derived from what Cargo compiled and from Cargo.lock, and its JSON.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::PackageId;
use serde::{Deserialize, Serialize};

use crate::package_id::Identity;

/// The crates that are linked into a binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Crates {
    /// Sorted, so that the same crates give the same text.
    pub(crate) packages: Vec<Crate>,
    /// The version of the list's format: [`FORMAT`] in ours.
    #[serde(default)]
    pub(crate) format: u32,
}

/// `cargo auditable`'s number for a list that distinguishes linked crates from build dependencies.
const FORMAT: u32 = 1;

/// A crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Crate {
    pub(crate) name: String,
    pub(crate) version: String,
    /// `crates.io`, `registry`, `git` or `local`.
    pub(crate) source: String,
    /// `build` for a crate that is not linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// The crates that it uses, by their index in the list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<usize>,
    /// Whether it is the one with the binary.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) root: bool,
}

/// The part of Cargo.lock with the dependencies of each package.
#[derive(Debug, Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
    /// Each is `NAME`, `NAME VERSION` or `NAME VERSION (SOURCE)`, as far as needed to be unique.
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Crates {
    /// The list of a binary of the package `root`, which was linked from `linked`.
    ///
    /// The dependencies are those of Cargo.lock, which also has the ones of build scripts and, for the
    /// workspace's packages, of tests. `only_builds` returns which of the workspace's to leave out:
    /// dependencies of tests may form cycles, which scanners refuse.
    pub(super) fn new(
        root: &PackageId,
        linked: &BTreeSet<PackageId>,
        lock: &str,
        only_builds: &dyn Fn(&str, &str) -> bool,
    ) -> Result<Self, toml::de::Error> {
        let lock: Lock = toml::from_str(lock)?;
        let mut identities: Vec<Identity> = linked.iter().filter_map(Identity::parse).collect();
        let root = Identity::parse(root);
        identities.extend(root.clone());
        identities.sort();
        identities.dedup();
        let places: BTreeMap<&Identity, usize> = identities.iter().zip(0..).collect();
        let mut edges: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for package in &lock.package {
            let source = package.source.as_deref().unwrap_or("path+");
            let identity = Identity::new(&package.name, &package.version, source);
            let Some(&user) = places.get(&identity) else {
                continue;
            };
            let is_local = package.source.is_none();
            let linked = package.dependencies.iter().filter_map(|text| {
                let place = find(&identities, text)?;
                let name = &identities[place].name;
                let only_builds = is_local && only_builds(&package.name, name);
                (place != user && !only_builds).then_some(place)
            });
            edges.entry(user).or_default().extend(linked);
        }
        let packages = identities.iter().zip(0..).map(|(identity, place)| Crate {
            name: identity.name.clone(),
            version: identity.version.clone(),
            source: identity.kind_of_source().to_owned(),
            kind: None,
            dependencies: edges.remove(&place).into_iter().flatten().collect(),
            root: root.as_ref() == Some(identity),
        });
        Ok(Self {
            packages: packages.collect(),
            format: FORMAT,
        })
    }

    /// Its JSON, which is the same text for equal lists.
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("its keys are strings")
    }

    /// Reads the JSON of this program or of `cargo auditable`.
    pub(super) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }
}

/// The index of the linked crate that an entry of Cargo.lock refers to; `None` if it is not linked.
fn find(identities: &[Identity], text: &str) -> Option<usize> {
    let mut parts = text.splitn(3, ' ');
    let name = parts.next()?;
    let version = parts.next();
    let source = parts.next().map(|source| {
        let source = source.trim_start_matches('(').trim_end_matches(')');
        source.split_once('#').map_or(source, |(source, _)| source)
    });
    identities.iter().position(|identity| {
        identity.name == name
            && version.is_none_or(|version| identity.version == version)
            && source.is_none_or(|source| identity.source.as_deref() == Some(source))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

    fn id(repr: &str) -> PackageId {
        PackageId {
            repr: repr.replace("INDEX", INDEX),
        }
    }

    fn list(linked: &[&str], lock: &str) -> serde_json::Value {
        let linked = linked.iter().map(|repr| id(repr)).collect();
        let root = id("path+file:///w/app#0.1.0");
        let lock = lock.replace("INDEX", INDEX);
        let tests = |_: &str, name: &str| name == "helper";
        let crates = Crates::new(&root, &linked, &lock, &tests).unwrap();
        serde_json::from_slice(&crates.to_json()).unwrap()
    }

    #[test]
    fn linked_crates_are_listed_with_their_dependencies() {
        let lock = r#"
            [[package]]
            name = "app"
            version = "0.1.0"
            dependencies = ["a 1.0.0", "a 2.0.0", "builds", "helper"]
            [[package]]
            name = "a"
            version = "1.0.0"
            source = "INDEX"
            [[package]]
            name = "a"
            version = "2.0.0"
            source = "INDEX"
            dependencies = ["a 1.0.0"]
            [[package]]
            name = "helper"
            version = "0.1.0"
            dependencies = ["app"]
        "#;
        let linked = [
            "path+file:///w/app#0.1.0",
            "INDEX#a@2.0.0",
            "INDEX#a@1.0.0",
            "path+file:///w/helper#0.1.0",
        ];
        let expected = serde_json::json!({"format": 1, "packages": [
            {"name": "a", "version": "1.0.0", "source": "crates.io"},
            {"name": "a", "version": "2.0.0", "source": "crates.io", "dependencies": [0]},
            {"name": "app", "version": "0.1.0", "source": "local", "dependencies": [0, 1], "root": true},
            {"name": "helper", "version": "0.1.0", "source": "local", "dependencies": [2]},
        ]});
        assert_eq!(list(&linked, lock), expected);
    }

    #[test]
    fn crates_of_the_same_version_are_distinguished_by_their_source() {
        let lock = r#"
            [[package]]
            name = "app"
            version = "0.1.0"
            dependencies = ["a 1.0.0 (git+https://example.com/a)"]
        "#;
        let linked = ["INDEX#a@1.0.0", "git+https://example.com/a#1.0.0"];
        let found = list(&linked, lock);
        let app = &found["packages"][2];
        let used = usize::try_from(app["dependencies"][0].as_u64().unwrap()).unwrap();
        assert_eq!(found["packages"][used]["source"], "git");
    }
}
