//! Keeps the dependency arrows of `docs/ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// The workspace crates that each workspace crate may use. A crate that is missing here fails the test.
const OURS: &[(&str, &[&str])] = &[
    ("app", &[]),
    (
        "bench",
        &["cli", "loadgen", "oci", "test-programs", "test-registry"],
    ),
    ("cli", &[]),
    (
        "e2e",
        &["loadgen", "nodectl", "oci", "ship", "test-programs"],
    ),
    ("imagebuilder", &["cli", "oci"]),
    ("loadgen", &[]),
    ("nodectl", &["cli", "oci"]),
    ("oci", &[]),
    ("ship", &["cli", "loadgen", "oci"]),
    ("test-programs", &[]),
    ("test-registry", &["oci"]),
];

/// Prefixes of third-party crates, and the only workspace crates that may depend on them.
const RESERVED: &[(&str, &[&str])] = &[
    ("actix", &["app"]),
    ("aws-", &["imagebuilder"]),
    ("containerd-client", &["nodectl", "e2e"]),
    ("tonic", &["nodectl", "e2e"]),
];

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .expect("cargo metadata")
}

/// The dependencies of each workspace crate, without those of its tests.
fn named(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let names = package
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind != DependencyKind::Development)
                .map(|dependency| dependency.name.clone())
                .collect();
            (package.name.to_string(), names)
        })
        .collect()
}

#[test]
fn workspace_crates_depend_on_each_other_only_as_the_architecture_allows() {
    let metadata = metadata();
    let named = named(&metadata);
    let mut wrong = Vec::new();
    for (name, dependencies) in &named {
        let Some((_, allowed)) = OURS.iter().find(|(ours, _)| ours == name) else {
            wrong.push(format!("{name} is not in the table"));
            continue;
        };
        for dependency in dependencies {
            if named.contains_key(dependency) && !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{name} → {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "not in the architecture: {wrong:?}");
}

#[test]
fn only_its_owner_depends_on_a_reserved_crate() {
    let metadata = metadata();
    let mut wrong = Vec::new();
    for (name, dependencies) in named(&metadata) {
        for (prefix, owners) in RESERVED {
            if owners.contains(&name.as_str()) {
                continue;
            }
            let taken = dependencies
                .iter()
                .filter(|dependency| dependency.starts_with(prefix));
            wrong.extend(taken.map(|dependency| format!("{name} → {dependency}")));
        }
    }
    assert!(wrong.is_empty(), "reserved for another crate: {wrong:?}");
}

#[test]
fn every_workspace_dependency_is_inherited_by_a_crate() {
    let metadata = metadata();
    let manifest = std::fs::read_to_string(metadata.workspace_root.join("Cargo.toml"))
        .expect("the workspace's manifest");
    let members: Vec<_> = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            std::fs::read_to_string(&package.manifest_path).expect("a member's manifest")
        })
        .collect();
    let shared: Vec<_> = manifest
        .lines()
        .skip_while(|line| *line != "[workspace.dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .collect();
    assert!(shared.contains(&"serde"), "found only: {shared:?}");
    let unused: Vec<_> = shared
        .into_iter()
        .filter(|name| {
            let inherited = [
                format!("{name}.workspace = true"),
                format!("{name} = {{ workspace = true"),
            ];
            !members
                .iter()
                .flat_map(|member| member.lines())
                .any(|line| inherited.iter().any(|prefix| line.starts_with(prefix)))
        })
        .collect();
    assert!(unused.is_empty(), "inherited by no crate: {unused:?}");
}
