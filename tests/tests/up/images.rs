//! `nodectl images`.

use std::process::Command;

use e2e::containerd::{Image, Inventory, Nodectl, manifest, pod_program};
use oci::image::Manifest;
use oci::layout::Layout;
use oci::{Descriptor, MediaType};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn images_are_imported_listed_and_removed() {
    let world = World::new();
    let run = |args: &[&str]| Nodectl::run(&world.daemon, &[&["images"], args].concat());
    // As a bill of materials beside it, which is no second image.
    let layout = Layout::open(world.daemon.path("image")).unwrap();
    let image = layout.images().unwrap().remove(0);
    let empty = Descriptor::of(MediaType::EMPTY_JSON, b"{}");
    layout.write_bytes(b"{}").unwrap();
    let bill = Manifest::artifact("application/spdx+json", &image, vec![empty]);
    let (bytes, bill) = bill.to_bytes();
    layout.write_bytes(&bytes).unwrap();
    layout.put_index_entry(&bill).unwrap();
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

#[test]
fn the_images_that_exist_are_removed_even_if_one_does_not() {
    let world = World::new();
    let run = |args: &[&str]| Nodectl::run(&world.daemon, &[&["images"], args].concat());
    for name in ["pod:1", "pod:2"] {
        let imported = run(&["import", &world.layout, "--ref", name]);
        assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    }
    let removed = run(&["rm", "nosuch:1", "pod:1", "nosuch:2", "pod:2"]);
    assert_eq!(removed.code, Some(1));
    assert_eq!(removed.stdout, "pod:1\npod:2\n");
    assert!(
        removed
            .stderr
            .contains("there is no image `nosuch:1` or `nosuch:2` in namespace `nodectl`"),
        "{}",
        removed.stderr
    );
}

#[test]
fn nothing_is_left_of_an_image_that_was_removed_while_it_ran() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let removed = Nodectl::run(&world.daemon, &["images", "rm", "pod:1"]);
    assert_eq!(removed.code, Some(0), "{}", removed.stderr);
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn an_image_without_an_index_is_refused_on_another_architecture() {
    let world = World::new();
    let name = "docker.io/library/other:1";
    let layout = world.daemon.path("other");
    let image = Image::new(name).with("pod", pod_program());
    image.architecture("riscv64").write(&layout);
    let refused = |outcome: e2e::containerd::Outcome| {
        assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
        assert!(
            outcome.stderr.contains("linux/riscv64"),
            "{}",
            outcome.stderr
        );
    };
    let import = ["images", "import", &format!("oci:{}", layout.display())];
    refused(Nodectl::run(&world.daemon, &import));
    // In containerd already.
    let archive = world.daemon.path("other.tar").display().to_string();
    let mut tar = Command::new("tar");
    tar.args(["-cf", &archive, "-C"]).arg(&layout).arg(".");
    assert!(tar.status().unwrap().success());
    let import = [
        "images",
        "import",
        "--no-unpack",
        "--all-platforms",
        &archive,
    ];
    world
        .daemon
        .ctr(&[&["--namespace", "nodectl"], &import[..]].concat());
    let manifest = manifest(1, &[]).replace("pod:1", name);
    refused(Nodectl::run_with_input(
        &world.daemon,
        &["up", "-f", "-", "--publish", &world.publish()],
        &manifest,
    ));
}

#[test]
fn a_container_is_stopped_by_the_signal_of_its_image() {
    let world = World::new();
    let image = Image::new("pod:2").with("pod", pod_program());
    let config = json!({"Entrypoint": ["/pod"], "User": "65532", "StopSignal": "KILL"});
    image.config(config).write(&world.daemon.path("image"));
    // It ignores SIGTERM, and would run until the end of its grace period.
    let manifest = manifest(1, &[("STUBBORN", "1")]).replace("pod:1", "pod:2");
    let grace = "terminationGracePeriodSeconds: ";
    assert!(manifest.contains(grace));
    let manifest = manifest.replace(grace, &format!("{grace}360"));
    let mut up = world.up_with(&manifest, &["--grace-period", "3600"]);
    up.wait_for("all ready: 1 pod", 1);
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
}
