//! Copies between registries and layouts.

use test_registry::{Behaviour, Profile, TestRegistry};

use crate::sandbox::{QUIET, Run};
use crate::services::{built, push};

#[test]
fn an_image_is_copied_from_registry_to_registry_to_layout_and_back() {
    let (sandbox, built) = built();
    let digest = built.digest().unwrap();
    let (one, two) = (
        TestRegistry::start(Behaviour::default()),
        TestRegistry::start(Behaviour::default()),
    );
    push(&sandbox, &one.host(), &["--tag", "v1", QUIET]).reference();
    let copy = |from: &str, to: &str, more: &[&str]| -> Run {
        let mut args = vec!["copy", from, to, "--docker-config", "none"];
        args.extend(more);
        sandbox.run(&args)
    };
    let (source, target) = (
        format!("{}/team/hello:v1", one.host()),
        format!("{}/other/app:v2", two.host()),
    );
    let copied = copy(&source, &target, &[]);
    assert_eq!(
        copied.reference().digest(),
        Some(digest),
        "{}",
        copied.stderr
    );
    assert!(
        copied.stderr.contains(": 5 blobs (0 already there"),
        "{}",
        copied.stderr
    );
    assert_eq!(two.tag("other/app", "v2"), Some(digest));
    let again = copy(&source, &target, &[]);
    assert!(again.stderr.contains(": 0 blobs "), "{}", again.stderr);

    let down = copy(&target, "oci:down", &[]);
    assert_eq!(down.stdout, format!("{digest}\n"), "{}", down.stderr);
    let up = format!("{}/back:v3", one.host());
    let up = copy("oci:down:other/app:v2", &up, &[]);
    assert_eq!(up.reference().digest(), Some(digest), "{}", up.stderr);
    assert_eq!(one.tag("back", "v3"), Some(digest));
    let across = copy("oci:down", "oci:across:x:y", &[]);
    assert_eq!(across.stdout, format!("{digest}\n"), "{}", across.stderr);

    let arm = copy(&source, "oci:arm", &["--platform", "linux/arm64"]);
    assert_eq!(arm.code, Some(0), "{}", arm.stderr);
    assert_ne!(arm.stdout, format!("{digest}\n"));
    let none = copy(&source, "oci:none", &["--platform", "linux/s390x"]);
    none.fails(
        2,
        "no image for linux/s390x; available: linux/amd64, linux/arm64",
    );
}

/// An image without an index has a platform too, in its configuration.
#[test]
fn an_image_for_another_platform_is_refused() {
    let (sandbox, _) = built();
    let registry = TestRegistry::start(Behaviour::default());
    let run = |args: &[&str]| sandbox.run(&[args, &["--docker-config", "none"]].concat());
    let arm = run(&["copy", "oci:img", "oci:arm", "--platform", "linux/arm64"]);
    assert_eq!(arm.code, Some(0), "{}", arm.stderr);
    let (there, here) = (format!("{}/x:v1", registry.host()), "oci:arm");
    for args in [
        ["push", here, &there],
        ["copy", here, &there],
        ["copy", here, "tar:x.tar"],
        ["copy", here, "oci:x"],
    ] {
        let other = run(&[&args[..], &["--platform", "linux/amd64"]].concat());
        other.fails(2, "no image for linux/amd64; available: linux/arm64");
    }
    assert_eq!(registry.seen().len(), 0);
    let same = run(&["push", here, &there, "--platform", "linux/arm64"]);
    assert_eq!(same.code, Some(0), "{}", same.stderr);
    let other = run(&["copy", &there, "oci:y", "--platform", "linux/amd64"]);
    other.fails(2, "no image for linux/amd64; available: linux/arm64");
}

#[test]
fn a_dry_run_reports_what_would_be_copied_and_copies_nothing() {
    let (sandbox, built) = built();
    let registry = TestRegistry::start(Behaviour::default());
    let digest = built.digest().unwrap();
    let there = format!("{}/x:v1", registry.host());
    let copy = |from: &str, to: &str, more: &[&str]| -> String {
        let args = ["copy", from, to, "--docker-config", "none"];
        let run = sandbox.run(&[&args, more].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        if more.contains(&"--dry-run") {
            assert_eq!(run.stdout, "");
        }
        run.stderr
    };
    let would = |from: &str, to: &str, expected: &str| {
        let report = copy(from, to, &["--dry-run"]);
        assert!(report.starts_with("Would copy "), "{report}");
        assert!(report.contains(expected), "{expected}: {report}");
    };
    would("oci:img", &there, ": 5 blobs (0 already there, ");
    would("oci:img", &there, "; `v1` is new\n");
    would("oci:img", "oci:down", ": 5 blobs (0 already there, ");
    would("oci:img", "tar:x.tar", "Would copy oci:img to tar:x.tar: ");
    let changes = |method: &str| matches!(method, "POST" | "PUT" | "PATCH" | "DELETE");
    assert!(!registry.seen().iter().any(|seen| changes(&seen.method)));
    for path in ["down", "x.tar"] {
        assert!(!sandbox.path().join(path).exists(), "{path}");
    }

    copy("oci:img", &there, &[]);
    would("oci:img", &there, ": everything is already there\n");
    copy(&there, "oci:down", &[]);
    would(
        &there,
        "oci:down",
        ": 5 blobs (5 already there, 0 B to send)\n",
    );
    let arm = ["--platform", "linux/arm64", "--dry-run"];
    let moved = copy("oci:img", &there, &arm);
    let now = format!(": everything is already there; `v1` refers to {digest} now\n");
    assert!(moved.ends_with(&now), "{moved}");
    assert_eq!(registry.tag("x", "v1"), Some(digest));
}

/// A tar can contain the referrers of an image, like a layout.
#[test]
fn an_image_is_copied_through_a_tar_with_its_referrers() {
    let (sandbox, _) = built();
    let registry = TestRegistry::start(Behaviour::default());
    let run = |args: &[&str]| -> Run {
        let run = sandbox.run(&[args, &["--docker-config", "none"]].concat());
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run
    };
    let (one, two) = (
        format!("{}/one", registry.host()),
        format!("{}/two/hello:v1", registry.host()),
    );
    let built = run(&["build", "hello", "--sbom", "--repo", &one, "--tag", "v1"]);
    let digest = built.reference().digest().unwrap();
    let from = format!("{one}/team/hello:v1");
    run(&["copy", &from, "tar:without.tar"]);
    let packed = run(&["copy", &from, "tar:with.tar", "--referrers"]);
    assert!(
        packed.stderr.contains(" and 1 referrer to tar:with.tar: "),
        "{}",
        packed.stderr
    );
    let without = run(&["push", "tar:without.tar", &two]);
    assert!(!without.stderr.contains("referrer"), "{}", without.stderr);
    let with = run(&["push", "tar:with.tar", &two]);
    assert!(with.stderr.contains(" and 1 referrer: "), "{}", with.stderr);
    assert_eq!(with.reference().digest(), Some(digest));
    let copied = run(&["copy", "tar:with.tar", "oci:x", "--referrers"]);
    assert!(
        copied.stderr.contains(" and 1 referrer to oci:x: "),
        "{}",
        copied.stderr
    );
    let shown = run(&["inspect", "oci:x", "--sbom"]);
    assert!(shown.stdout.contains("spdx"), "{}", shown.stdout);
}

#[test]
fn a_failed_copy_reports_which_place_failed() {
    let (sandbox, _) = built();
    let registry = TestRegistry::start(Profile::Ecr.behaviour("AWS", "hunter2"));
    let check = |from: &str, to: &str, code: i32, expected: &str| {
        let run = sandbox.run(&["copy", from, to, "--docker-config", "none"]);
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(code), ""),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains(expected), "{}", run.stderr);
    };
    let there = format!("{}/x:v1", registry.host());
    check("oci:img", &there, 3, "the registry requires credentials");
    check(&there, "oci:new", 3, "the registry requires credentials");
    check("oci:missing", &there, 2, "missing");
    check("team/app:v1", &there, 2, "names no registry");
    let other = format!("{}/x@{}", registry.host(), oci::Digest::of(b""));
    check("oci:img", &other, 2, "names an image other than");
}
