//! Content that is damaged, and pushes that are killed.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use test_registry::{Behaviour, TestRegistry};

use crate::sandbox::QUIET;
use crate::services::{built, push};

#[test]
fn a_damaged_blob_of_the_layout_is_not_pushed() {
    let flipped = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let truncated = |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2);
    let check = |damage: &dyn Fn(&mut Vec<u8>), expected: &str| {
        let (sandbox, _) = built();
        let registry = TestRegistry::start(Behaviour::default());
        let blobs = fs::read_dir(sandbox.path().join("img/blobs/sha256")).unwrap();
        let largest = blobs
            .map(|entry| entry.unwrap())
            .max_by_key(|e| e.metadata().unwrap().len());
        let path = largest.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let run = push(&sandbox, &registry.host(), &["--tag", "v1", QUIET]);
        run.fails(5, expected);
        assert_eq!(registry.tag("team/hello", "v1"), None);
    };
    check(&flipped, "is damaged: its digest is sha256:");
    check(&truncated, "is cut short: ");
}

/// A push that is killed at any moment leaves no reference to missing content, and the next one continues.
/// The moment is a number of bytes that the registry has read, so it is the same on every machine.
#[test]
fn a_killed_push_leaves_no_tag_and_the_next_succeeds() {
    const ROUNDS: u64 = 100;
    let (sandbox, built) = built();
    let registry = TestRegistry::start(Behaviour::default());
    push(&sandbox, &registry.host(), &["--tag", "v1", QUIET]).reference();
    let whole = registry.bytes_read();
    let mut killed = 0;
    for round in 0..ROUNDS {
        let registry = TestRegistry::start(Behaviour::default());
        // Multiples of an odd number, in no order.
        let moment = whole * ((round * 37) % ROUNDS) / ROUNDS;
        registry.stop_reading_after(moment);
        let host = registry.host();
        let args = ["push", "oci:img", "--repo", &host, "--tag", "v1", QUIET];
        let mut command = sandbox.command(&args);
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        while !registry.has_stopped_reading() && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(1));
        }
        killed += u32::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
        registry.resume_reading();
        if let Some(digest) = registry.tag("team/hello", "v1") {
            assert_eq!(Some(digest), built.digest());
        }
        let run = push(&sandbox, &host, &["--tag", "v1", QUIET]);
        assert_eq!(run.reference().digest(), built.digest());
        assert_eq!(registry.tag("team/hello", "v1"), built.digest());
    }
    assert!(
        killed > 90,
        "only {killed} were killed before they finished"
    );
}
