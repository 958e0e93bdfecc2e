//! Bases in registries: which of their content is read, and when.

use oci::Descriptor;
use oci::layout::Layout;
use test_registry::{Behaviour, TestRegistry};

use crate::bases::{base, release};
use crate::sandbox::{QUIET, Run, Sandbox};

/// A base in a registry, with the name `os/debian:12`.
fn publish(sandbox: &Sandbox, registry: &TestRegistry, text: &str) -> Descriptor {
    let os = sandbox.path().join("os");
    let root = base(
        &os,
        "debian",
        &["linux/amd64", "linux/arm64"],
        &release(text),
    );
    let to = format!("{}/os/debian:12", registry.host());
    let run = sandbox.run(&[
        "copy",
        "oci:os:debian",
        &to,
        "--docker-config",
        "none",
        QUIET,
    ]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    std::fs::remove_dir_all(os).unwrap();
    root
}

fn build(sandbox: &Sandbox, registry: &TestRegistry, more: &[&str]) -> Run {
    let on = format!("{}/os/debian:12", registry.host());
    let args = [
        "build",
        "hello",
        "--base",
        &on,
        "--platform",
        "linux/amd64",
        "--docker-config",
        "none",
        QUIET,
    ];
    sandbox.run(&[&args[..], more].concat())
}

/// The number of requests with this method whose path contains `part`.
fn count(registry: &TestRegistry, method: &str, part: &str) -> usize {
    let seen = registry.seen();
    let matching = seen
        .iter()
        .filter(|seen| seen.method == method && seen.path.contains(part));
    matching.count()
}

#[test]
fn layers_of_a_base_in_the_same_registry_are_mounted() {
    let sandbox = Sandbox::new();
    let registry = TestRegistry::start(Behaviour::default());
    publish(&sandbox, &registry, "1");
    registry.forget();
    let prefix = format!("{}/team", registry.host());
    let built = build(&sandbox, &registry, &["--repo", &prefix, "--tag", "v1"]).reference();
    let digest = built.digest().unwrap();
    assert_eq!(registry.tag("team/team/hello", "v1"), Some(digest));
    assert_eq!(
        count(&registry, "GET", "os/debian/blobs/"),
        1,
        "of its blobs only the configuration is read"
    );
    let mounts: Vec<String> = registry.seen().into_iter().map(|seen| seen.query).collect();
    let mounts = mounts.iter().filter(|query| query.contains("mount="));
    assert_eq!(mounts.count(), 1, "only the base's layer is mounted");
    // The base is pinned and its documents are cached: it is not requested again.
    registry.forget();
    let again = build(&sandbox, &registry, &["--repo", &prefix, "--tag", "v1"]);
    assert_eq!(again.reference().digest(), Some(digest));
    assert_eq!(count(&registry, "GET", "os/debian/"), 0);
    // The image is complete in another repository too.
    let output = ["--output", "oci:img", "--output", "tar:img.tar"];
    assert_eq!(
        build(&sandbox, &registry, &output).reference().digest(),
        Some(digest)
    );
    for place in ["oci:img", "tar:img.tar"] {
        let verified = sandbox.run(&["verify", place]);
        assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    }
}

#[test]
fn a_base_of_another_registry_is_copied() {
    let sandbox = Sandbox::new();
    let (from, to) = (
        TestRegistry::start(Behaviour::default()),
        TestRegistry::start(Behaviour::default()),
    );
    publish(&sandbox, &from, "1");
    let prefix = to.host();
    let built = build(&sandbox, &from, &["--repo", &prefix, "--tag", "v1"]).reference();
    assert_eq!(to.tag("team/hello", "v1"), built.digest());
    let manifest = to.manifest("team/hello", built.digest().unwrap()).unwrap();
    let manifest = oci::image::Manifest::parse(&manifest).unwrap();
    let layer = manifest.layers[0].digest;
    assert!(to.blob(layer).is_some());
    assert!(
        count(&to, "POST", "blobs/uploads") > 0
            && !to.seen().iter().any(|s| s.query.contains("mount=")),
        "the other registry has nothing to mount"
    );
}

#[test]
fn a_tag_that_moves_changes_nothing_until_the_base_is_updated() {
    let sandbox = Sandbox::new();
    let registry = TestRegistry::start(Behaviour::default());
    let first = publish(&sandbox, &registry, "1");
    let output = ["--output", "oci:img"];
    let built = build(&sandbox, &registry, &output).reference();
    let second = publish(&sandbox, &registry, "2");
    std::fs::remove_dir_all(sandbox.path().join("target/imagebuilder")).unwrap();
    assert_eq!(build(&sandbox, &registry, &output).reference(), built);
    let update = ["--output", "oci:img", "--update-base"];
    assert_ne!(build(&sandbox, &registry, &update).reference(), built);
    let lock = sandbox.read("imagebuilder.lock");
    assert!(lock.contains(&second.digest.to_string()) && !lock.contains(&first.digest.to_string()));
}

#[test]
fn offline_builds_use_the_base_on_this_machine() {
    let sandbox = Sandbox::new();
    let registry = TestRegistry::start(Behaviour::default());
    publish(&sandbox, &registry, "1");
    // Cargo writes its lock file while the network is allowed.
    let output = ["--output", "oci:img"];
    let offline = ["--output", "oci:img", "--offline"];
    let run = build(&sandbox, &registry, &offline);
    run.fails(
        2,
        "it is not on this machine, and --offline or --frozen was given",
    );
    let built = build(&sandbox, &registry, &output).reference();
    registry.forget();
    assert_eq!(build(&sandbox, &registry, &offline).reference(), built);
    assert!(registry.seen().is_empty(), "{:?}", registry.seen());
    // Another layout has no layer of the base.
    let run = build(&sandbox, &registry, &["--output", "oci:other", "--offline"]);
    run.fails(1, "--offline or --frozen was given");
    let other = Layout::open(sandbox.path().join("other")).unwrap();
    assert!(other.entries().unwrap().is_empty());
}

#[test]
fn a_base_that_cannot_be_read_is_reported() {
    let sandbox = Sandbox::new();
    let registry = TestRegistry::start(Behaviour::default());
    let run = build(&sandbox, &registry, &["--output", "oci:img"]);
    run.fails(1, "cannot use the base `127.0.0.1:");
    assert!(run.stderr.contains("404"), "{}", run.stderr);
    assert!(!sandbox.path().join("img").exists());
}
