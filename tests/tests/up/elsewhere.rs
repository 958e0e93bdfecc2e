//! `up` on a machine with other networks, and apart from containerd.

use e2e::containerd::{Inventory, Nodectl, manifest};
use rustix::process::Signal;

use crate::world::World;

#[test]
fn a_vpn_and_podmans_network_leave_a_subnet_for_pods() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let network = "ip link set lo up
        ip link add vpn type dummy && ip link set vpn up
        ip route add 0.0.0.0/1 dev vpn && ip route add 128.0.0.0/1 dev vpn
        ip link add podman0 type bridge && ip addr add 10.88.0.1/16 dev podman0
        exec \"$@\"";
    let script = format!("exec unshare --net sh -ec '{network}' sh \"$@\"");
    let args = ["--images", &world.layout, "--publish", "0:80"];
    let mut up = Nodectl::up_by(&world.daemon, &script, &manifest(1, &[]), &args);
    up.wait_for("all ready: 1 pod", 1);
    let ip = world.ps()["pods"][0]["ip"].as_str().unwrap().to_owned();
    assert!(ip.starts_with("172.30."), "{ip}");
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn mounts_that_containerd_does_not_see_are_refused_with_a_hint() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let args = ["--images", &world.layout, "--publish", "0:80"];
    let script = "exec unshare --mount --propagation private \"$@\"";
    let up = Nodectl::up_by(&world.daemon, script, &manifest(1, &[]), &args);
    let log = up.log().to_owned();
    assert_eq!(up.wait(), Some(1));
    let log = std::fs::read_to_string(log).unwrap();
    for text in [
        "error: containerd (process ",
        "does not see the mounts of this process",
        "hint: ",
        "mount namespace",
    ] {
        assert!(log.contains(text), "`{text}` is not in:\n{log}");
    }
    assert_eq!(Inventory::take(&world.daemon), before);
    // With mount propagation, another namespace is accepted.
    let dir = world.daemon.path("run");
    std::fs::create_dir_all(&dir).unwrap();
    let script = "mount --bind \"$NODECTL_STATE_DIR\" \"$NODECTL_STATE_DIR\"
        mount --make-shared \"$NODECTL_STATE_DIR\"
        exec unshare --mount --propagation unchanged \"$@\"";
    let mut up = Nodectl::up_by(&world.daemon, script, &manifest(1, &[]), &args);
    up.wait_for("all ready: 1 pod", 1);
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    let unmounted = std::process::Command::new("umount").arg(&dir).status();
    assert!(unmounted.unwrap().success());
    std::fs::remove_dir(&dir).unwrap();
    assert_eq!(Inventory::take(&world.daemon), before);
}
