//! The scripts of `dev/` on a full disk. Needs root, `cp` and, of util-linux, `unshare` and `mount`.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::process::Command;

use e2e::manifests::repository;

/// Runs a script of `dev/` where `target/` is a disk with 8 MiB: its exit code and its standard error.
fn with_full_disk(script: &str) -> (Option<i32>, String) {
    run("mount -t tmpfs -o size=8m none \"$1/target\"", script)
}

fn run(before: &str, script: &str) -> (Option<i32>, String) {
    let checkout = tempfile::tempdir().unwrap();
    let commands =
        format!("mkdir \"$1/target\"; cp -r dev \"$1\"; {before}; exec \"$1/dev/{script}\"");
    let output = Command::new("unshare")
        .args([
            "--mount",
            "--propagation=private",
            "sh",
            "-ec",
            &commands,
            "sh",
        ])
        .arg(checkout.path())
        .current_dir(repository())
        .output()
        .unwrap_or_else(|error| panic!("`unshare` is needed here: {error}"));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let checkout = checkout.path().display().to_string();
    (output.status.code(), stderr.replace(&checkout, "[top]"))
}

#[test]
fn a_new_machine_for_which_there_is_no_space_is_refused() {
    let (code, stderr) = with_full_disk("fresh/run");
    assert_eq!(code, Some(1), "{stderr}");
    let (error, hint) = stderr.split_once('\n').unwrap();
    assert!(error.starts_with("error: a new machine needs "), "{error}");
    assert!(
        error.ends_with(" in [top]/target, and only 8 MiB are free"),
        "{error}"
    );
    assert_eq!(hint, "hint: free some space\n");
}

#[test]
fn a_failed_build_says_whether_the_disk_is_full() {
    assert_eq!(
        with_full_disk("build-failed"),
        (
            Some(1),
            "hint: only 8 MiB are free in target: free some space\n".to_owned()
        )
    );
    let enough = "mount -t tmpfs -o size=1g none \"$1/target\"";
    assert_eq!(run(enough, "build-failed"), (Some(1), String::new()));
    let nothing = "rmdir \"$1/target\"";
    assert_eq!(run(nothing, "build-failed"), (Some(1), String::new()));
}
