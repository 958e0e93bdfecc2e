//! The commands about a repository, and the dry run.

use oci::Digest;
use test_registry::{Behaviour, TestRegistry};

use crate::sandbox::Run;
use crate::services::{built, push};

#[test]
fn a_repository_is_listed_read_and_deleted() {
    let (sandbox, built) = built();
    let registry = TestRegistry::start(Behaviour {
        tags_page: 2,
        ..Behaviour::default()
    });
    for tag in ["v1", "v2", "v3", "v4", "v5"] {
        push(&sandbox, &registry.host(), &["--tag", tag]).reference();
    }
    let name = format!("{}/team/hello", registry.host());
    let run = |command: &str, reference: &str| -> Run {
        sandbox.run(&[command, reference, "--docker-config", "none"])
    };
    let digest = built.digest().unwrap().to_string();
    assert_eq!(run("tags", &name).stdout, "v1\nv2\nv3\nv4\nv5\n");
    assert_eq!(
        run("digest", &format!("{name}:v1")).stdout,
        format!("{digest}\n")
    );
    let manifest = run("manifest", &format!("{name}@{digest}")).stdout;
    assert_eq!(Digest::of(manifest.as_bytes()).to_string(), digest);
    let deleted = run("delete", &format!("{name}:v2"));
    assert_eq!((deleted.code, deleted.stdout.as_str()), (Some(0), ""));
    assert!(deleted.stderr.starts_with("Deleted "), "{}", deleted.stderr);
    let again = run("delete", &format!("{name}:v2"));
    assert!(again.stderr.starts_with("Not found: "), "{}", again.stderr);
    assert_eq!(again.code, Some(0));
    assert_eq!(run("tags", &name).stdout, "v1\nv3\nv4\nv5\n");
    let missing = run("digest", &format!("{name}:none"));
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(1), ""));
    assert!(
        missing.stderr.contains("404 MANIFEST_UNKNOWN"),
        "{}",
        missing.stderr
    );
    assert_eq!(run("digest", &name).code, Some(2), "it has no tag");
    assert_eq!(
        run("tags", "team/hello").code,
        Some(2),
        "it has no registry"
    );
}

#[test]
fn a_dry_run_reports_what_is_missing_and_sends_nothing() {
    let (sandbox, _) = built();
    let registry = TestRegistry::start(Behaviour::default());
    let dry = || {
        let run = push(&sandbox, &registry.host(), &["--tag", "v1", "--dry-run"]);
        assert_eq!(
            (run.code, run.stdout.as_str()),
            (Some(0), ""),
            "{}",
            run.stderr
        );
        run.stderr
    };
    let first = dry();
    assert!(first.contains(": 5 blobs (0 already there, "), "{first}");
    let changes = |method: &str| matches!(method, "POST" | "PUT" | "PATCH" | "DELETE");
    assert!(!registry.seen().iter().any(|seen| changes(&seen.method)));
    push(&sandbox, &registry.host(), &["--tag", "v1"]).reference();
    let second = dry();
    assert!(
        second.ends_with(": everything is already there\n"),
        "{second}"
    );
    let other = push(&sandbox, &registry.host(), &["--tag", "v2", "--dry-run"]);
    let new = ": everything is already there; `v2` is new\n";
    assert!(other.stderr.ends_with(new), "{}", other.stderr);
}
