//! Copies between registries and layouts.

use test_registry::{Behaviour, Profile, TestRegistry};

use crate::sandbox::{QUIET, Run};
use crate::services::{built, push};

#[test]
fn an_image_goes_from_registry_to_registry_to_layout_and_back() {
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
        "no image for linux/s390x, only for linux/amd64, linux/arm64",
    );
}

#[test]
fn a_copy_that_cannot_be_says_which_place_failed() {
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
    check("oci:img", &other, 2, "names another image");
}
