//! The load balancer of `up` with many clients.

use std::io::{ErrorKind, Read as _};
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
    up.wait_for(
        &format!("load balancer: at its limit of {MOST} connections"),
        1,
    );
    assert_eq!(
        up.printed().matches("its limit").count(),
        1,
        "{}",
        up.printed()
    );
    // Some were closed for it, and cleanly. Which ones depends on the threads of the load balancer, each of which
    // accepts a few clients at once.
    let mut closed = 0;
    for client in &mut idle {
        client.set_nonblocking(true).unwrap();
        match client.read(&mut [0]) {
            Ok(length) => {
                assert_eq!(length, 0);
                closed += 1;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    assert!(closed > 0);
}

#[test]
fn a_service_that_no_pod_answers_is_reported() {
    let world = World::new();
    let nowhere = manifest(1, &[]).replace("targetPort: http", "targetPort: 9999");
    let mut up = world.up(&nowhere);
    up.wait_for("all ready: 1 pod", 1);
    let ip = world.ps()["pods"][0]["ip"].as_str().unwrap().to_owned();
    let clients: Vec<_> = (0..2)
        .map(|_| TcpStream::connect(world.address()).unwrap())
        .collect();
    for mut client in clients {
        let refused = client.read(&mut [0]).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionReset);
    }
    let notice = format!(
        "service web: no pod accepted a connection for 5 s ({ip}:9999: Connection refused (os error 111))"
    );
    up.wait_for(&notice, 1);
    assert_eq!(up.printed().matches("no pod accepted").count(), 1);
}
