//! The volumes and files that are mounted into containers.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use e2e::containerd::{Inventory, Nodectl, manifest};
use rustix::process::Signal;

use crate::world::{World, get};

/// [`manifest`] with fields of the pod's security context, and volumes with their mounts.
fn with_volumes(security: &str, names: &[&str], mounts: &str) -> String {
    let volumes: Vec<_> = names
        .iter()
        .map(|name| format!("{{name: {name}, emptyDir: {{}}}}"))
        .collect();
    manifest(1, &[])
        .replace(
            "        runAsUser: 65532\n",
            &format!("        runAsUser: 65532\n{security}"),
        )
        .replace(
            "      containers:\n",
            &format!(
                "      volumes: [{}]\n      containers:\n",
                volumes.join(", ")
            ),
        )
        .replace(
            "          image: pod:1\n",
            &format!("          image: pod:1\n          volumeMounts: [{mounts}]\n"),
        )
}

/// One volume, of a group.
fn with_a_volume_of_group_2000() -> String {
    with_volumes(
        "        fsGroup: 2000\n",
        &["a"],
        "{name: a, mountPath: /data}",
    )
}

/// The address of the only pod.
fn pod(world: &World) -> SocketAddr {
    let ps = world.ps();
    format!("{}:5000", ps["pods"][0]["ip"].as_str().unwrap())
        .parse()
        .unwrap()
}

/// The directory of a volume of the only pod.
fn volume(world: &World, name: &str) -> PathBuf {
    let pods = world.daemon.path("run/nodectl/pods");
    let pod = fs::read_dir(pods).unwrap().next().unwrap().unwrap();
    pod.path().join("volumes").join(name)
}

fn stop(up: Nodectl) {
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
}

#[test]
fn volumes_and_what_is_written_to_them_belong_to_the_fs_group() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&with_a_volume_of_group_2000());
    up.wait_for("all ready: 1 pod", 1);
    assert_eq!(get(pod(&world), "/write/data/x"), "written");
    let dir = volume(&world, "a");
    let metadata = fs::metadata(&dir).unwrap();
    assert_eq!(metadata.gid(), 2000);
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o2777);
    assert_eq!(fs::metadata(dir.join("x")).unwrap().gid(), 2000);
    stop(up);
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn a_mount_hides_no_mount_below_it() {
    let world = World::new();
    let mounts =
        "{name: b, mountPath: /data/sub}, {name: a, mountPath: /data}, {name: c, mountPath: /etc}";
    let mut up = world.up(&with_volumes("", &["a", "b", "c"], mounts));
    up.wait_for("all ready: 1 pod", 1);
    assert_eq!(get(pod(&world), "/write/data/sub/x"), "written");
    assert!(volume(&world, "b").join("x").exists());
    let hosts = get(pod(&world), "/read/etc/hosts");
    assert!(hosts.contains("localhost"), "{hosts}");
    stop(up);
}

#[test]
fn a_containers_files_in_etc_are_writable_as_in_kubernetes() {
    let world = World::new();
    let as_root = manifest(1, &[])
        .replace("runAsNonRoot: true", "runAsNonRoot: false")
        .replace("runAsUser: 65532", "runAsUser: 0")
        .replace("drop: [ALL]", "drop: [NET_RAW]");
    let check = |manifest: &str, expected: [bool; 3]| {
        let mut up = world.up(manifest);
        up.wait_for("all ready: 1 pod", 1);
        let written = ["hosts", "hostname", "resolv.conf"]
            .map(|name| get(pod(&world), &format!("/write/etc/{name}")) == "written");
        assert_eq!(written, expected);
        // The file is kept when the pod is adopted.
        up.signal(Signal::KILL);
        up.wait();
        let mut up = world.up(manifest);
        up.wait_for("all ready: 1 pod", 1);
        assert_eq!(get(pod(&world), "/read/etc/hosts"), "written");
        stop(up);
    };
    check(&as_root, [true, false, false]);
    let writable = as_root.replace(
        "readOnlyRootFilesystem: true",
        "readOnlyRootFilesystem: false",
    );
    check(&writable, [true, true, true]);
}

#[test]
fn a_volume_in_memory_has_its_limit_and_is_removed_with_the_pod() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let manifest = with_a_volume_of_group_2000()
        .replace("emptyDir: {}", "emptyDir: {medium: Memory, sizeLimit: 1Mi}");
    let mounts = |world: &World| {
        let mounts = get(pod(world), "/read/proc/mounts");
        let data = mounts.lines().find(|line| line.contains(" /data "));
        data.unwrap_or_default().to_owned()
    };
    let mut up = world.up(&manifest);
    up.wait_for("all ready: 1 pod", 1);
    let data = mounts(&world);
    assert!(
        data.starts_with("tmpfs ") && data.contains("size=1024k"),
        "{data}"
    );
    assert_eq!(get(pod(&world), "/write/data/x"), "written");
    up.signal(Signal::KILL);
    up.wait();
    // It is adopted with what was written.
    let mut up = world.up(&manifest);
    up.wait_for("all ready: 1 pod", 1);
    assert_eq!(get(pod(&world), "/read/data/x"), "written");
    let written = fs::metadata(volume(&world, "a").join("x")).unwrap();
    assert_eq!(written.gid(), 2000);
    up.signal(Signal::KILL);
    up.wait();
    world.down();
    assert_eq!(Inventory::take(&world.daemon), before);
}
