//! `apply`, and what it has in common with `resolve`. kubectl is a script that records its input.

use std::fs;

use test_registry::{Behaviour, TestRegistry};

use crate::sandbox::{QUIET, Run, Sandbox};

const MANIFEST: &str = "kind: Pod\nspec: {containers: [{image: cargo://hello}]}\n";

/// Runs the program with `script` as its `kubectl`, or none.
fn run(sandbox: &Sandbox, script: Option<&str>, args: &[&str]) -> Run {
    let folder = sandbox.path().join("programs");
    let mut path = std::env::var_os("PATH").unwrap();
    if let Some(script) = script {
        fs::create_dir_all(&folder).unwrap();
        test_programs::write_script(&folder.join("kubectl"), &format!("#!/bin/sh\n{script}\n"));
        let paths = [folder].into_iter().chain(std::env::split_paths(&path));
        path = std::env::join_paths(paths).unwrap();
    } else {
        // Folders with Cargo, and without kubectl.
        let folders = std::env::split_paths(&path);
        let without = folders.filter(|folder| !folder.join("kubectl").exists());
        path = std::env::join_paths(without).unwrap();
    }
    let mut command = sandbox.command(args);
    command.env("PATH", path);
    Run::of(sandbox.path(), command.output().unwrap())
}

#[test]
fn apply_pushes_the_images_and_passes_the_manifests_to_kubectl() {
    let sandbox = Sandbox::new();
    sandbox.write("k8s/deep/pod.yaml", MANIFEST);
    let registry = TestRegistry::start(Behaviour::default());
    let repo = registry.host();
    let common = [
        "-f",
        "k8s",
        "-R",
        "--repo",
        &repo,
        QUIET,
        "--docker-config",
        "none",
    ];
    let resolved = sandbox.run(&[&["resolve"], &common[..]].concat());
    assert_eq!(resolved.code, Some(0), "{}", resolved.stderr);
    assert!(
        resolved
            .stdout
            .contains(&format!("image: {repo}/team/hello@sha256:")),
        "{}",
        resolved.stdout
    );
    let record = "echo \"$@\" >args; cat >stdin; echo pod/x created";
    let more = ["--", "--namespace", "shop"];
    let apply = [&["apply"], &common[..], &more].concat();
    let applied = run(&sandbox, Some(record), &apply);
    assert_eq!(
        (applied.code, &*applied.stdout),
        (Some(0), "pod/x created\n"),
        "{}",
        applied.stderr
    );
    assert_eq!(
        sandbox.read("args"),
        "apply --filename - --namespace shop\n"
    );
    assert_eq!(sandbox.read("stdin"), resolved.stdout);
    // kubectl reads nothing, and fails.
    let failed = run(&sandbox, Some("exec <&-; echo refused >&2; exit 3"), &apply);
    failed.fails(
        1,
        "refused\nerror: `kubectl apply` failed (exit status: 3)\n",
    );
    let missing = run(&sandbox, None, &apply);
    missing.fails(1, "hint: apply needs kubectl on PATH");
}

#[test]
fn apply_needs_a_registry_that_the_cluster_can_reach() {
    let sandbox = Sandbox::new();
    sandbox.write("pod.yaml", MANIFEST);
    let refused = run(&sandbox, Some("exit 0"), &["apply", "-f", "pod.yaml"]);
    refused.fails(2, "--repo <PREFIX>");
}

#[test]
fn directories_are_read_recursively_on_request() {
    let sandbox = Sandbox::new();
    sandbox.write("k8s/deep/pod.yaml", MANIFEST);
    let refused = sandbox.run(&["resolve", "-f", "k8s", QUIET]);
    refused.fails(2, "`k8s` has no *.yaml, *.yml or *.json");
}

#[test]
fn every_tag_names_the_image_at_every_destination() {
    let sandbox = Sandbox::new();
    let registry = TestRegistry::start(Behaviour {
        immutable_tags: true,
        ..Behaviour::default()
    });
    let repo = registry.host();
    let args = [
        "build",
        "hello",
        QUIET,
        "--tag",
        "v1",
        "--tag",
        "latest",
        "--output",
        "oci:img",
        "--output",
        "tar:img.tar",
        "--repo",
        &repo,
        "--sbom",
        "--docker-config",
        "none",
    ];
    let reference = sandbox.run(&args).reference();
    let digest = reference.digest();
    for tag in ["v1", "latest"] {
        assert_eq!(registry.tag("team/hello", tag), digest);
        for source in ["oci:img", "tar:img.tar"] {
            let shown = sandbox.run(&["verify", &format!("{source}:team/hello:{tag}")]);
            let expected = format!("{} team/hello:{tag}\n", digest.unwrap());
            assert_eq!(shown.stdout, expected, "{}", shown.stderr);
        }
    }
    // The referrers of the image are stored before its first tag.
    let puts = registry.manifest_puts();
    assert_eq!(puts.len(), 4, "{puts:?}");
    assert_eq!(puts[2..], ["v1", "latest"], "{puts:?}");
}
