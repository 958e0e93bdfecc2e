//! The load balancer of `up` with many clients.

use std::io::Read as _;
use std::net::TcpStream;

use e2e::containerd::{Nodectl, manifest};

use crate::world::World;

/// The limits of open files that `up` starts with.
const SOFT: u32 = 128;
const HARD: u32 = 400;

/// The resulting connection limit: two files each, and half of the files for everything else.
const MOST: usize = 100;

#[test]
fn idle_connections_make_room_for_new_clients_with_a_message() {
    let world = World::new();
    let publish = world.publish();
    let args = ["--images", &world.layout, "--publish", &publish];
    let script = format!("ulimit -Sn {SOFT}; ulimit -Hn {HARD}; exec \"$@\"");
    let mut up = Nodectl::up_by(&world.daemon, &script, &manifest(1, &[]), &args);
    up.wait_for("all ready: 1 pod", 1);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", up.pid())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let files: Vec<_> = files.unwrap().split_whitespace().skip(3).take(2).collect();
    assert_eq!(files, [HARD.to_string(), HARD.to_string()]);
    // The first clients send nothing, and stay connected.
    let mut idle: Vec<_> = (0..MOST + 20)
        .map(|_| TcpStream::connect(world.address()).unwrap())
        .collect();
    assert!(world.get("/").starts_with("web-"));
    up.wait_for(&format!("load balancer: {MOST} connections, its limit"), 1);
    assert_eq!(
        up.printed().matches("its limit").count(),
        1,
        "{}",
        up.printed()
    );
    // The connection that was idle for longest was closed cleanly.
    assert_eq!(idle[0].read(&mut [0]).unwrap(), 0);
}
