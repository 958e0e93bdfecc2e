//! `nodectl images`.

use e2e::containerd::{Nodectl, manifest};
use rustix::process::Signal;
use serde_json::Value;

use crate::world::World;

#[test]
fn images_are_imported_listed_and_removed() {
    let world = World::new();
    let run = |args: &[&str]| Nodectl::run(&world.daemon, &[&["images"], args].concat());
    let outcome = run(&["import", &world.layout]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stdout.starts_with("pod:1 sha256:"),
        "{}",
        outcome.stdout
    );
    let listed: Value = serde_json::from_str(&run(&["list", "-o", "json"]).stdout).unwrap();
    assert_eq!(listed["images"][0]["name"], "pod:1");
    // ctr agrees: it is complete and unpacked.
    let checked = world
        .daemon
        .ctr(&["--namespace", "nodectl", "images", "check"]);
    assert!(
        checked.contains("complete") && checked.contains("true"),
        "{checked}"
    );
    // `up` does not remove an image that was imported by hand.
    let publish = world.publish();
    let mut up = Nodectl::up(&world.daemon, &manifest(1, &[]), &["--publish", &publish]);
    up.wait_for("all ready: 1 pod", 1);
    up.signal(Signal::INT);
    up.wait();
    let listed: Value = serde_json::from_str(&run(&["list", "-o", "json"]).stdout).unwrap();
    assert_eq!(listed["images"].as_array().unwrap().len(), 1);
    assert_eq!(run(&["rm", "pod:1"]).code, Some(0));
    let again = run(&["rm", "pod:1"]);
    assert_eq!(again.code, Some(1));
    assert!(
        again.stderr.contains("there is no image `pod:1`"),
        "{}",
        again.stderr
    );
}
