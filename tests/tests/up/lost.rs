//! A containerd that executes a request but whose response is lost.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::containerd::{Inventory, manifest};
use rustix::process::Signal;

use crate::world::World;

/// The environment variable that marks the pod's process.
const MARK: &str = "LOST_ANSWER";

/// A proxy between nodectl and containerd. Once a process with the mark runs, it closes the connection
/// instead of forwarding the next response; it forwards all later connections unchanged.
fn proxy(path: &Path, containerd: PathBuf, mark: String) -> Arc<AtomicBool> {
    let listener = UnixListener::bind(path).unwrap();
    let cut = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&cut);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let Ok(server) = UnixStream::connect(&containerd) else {
                continue;
            };
            pass(
                client.try_clone().unwrap(),
                server.try_clone().unwrap(),
                || true,
            );
            let (mark, done) = (mark.clone(), Arc::clone(&done));
            pass(server, client, move || {
                if done.load(Ordering::SeqCst) {
                    return true;
                }
                // The process has to exist before its response is dropped.
                std::thread::sleep(Duration::from_millis(100));
                marked(&mark) == 0 || done.swap(true, Ordering::SeqCst)
            });
        }
    });
    cut
}

/// Copies one direction while `may_pass` returns true; then closes both ends.
fn pass(
    mut from: UnixStream,
    mut to: UnixStream,
    mut may_pass: impl FnMut() -> bool + Send + 'static,
) {
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if !may_pass() || to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(std::net::Shutdown::Both);
        let _ = to.shutdown(std::net::Shutdown::Both);
    });
}

/// The processes that have the mark.
fn marked(mark: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter(|entry| {
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        environ
            .split(|byte| *byte == 0)
            .any(|variable| variable == mark.as_bytes())
    })
    .count()
}

#[test]
fn a_process_whose_start_was_not_answered_is_replaced_by_the_next_attempt() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let token = world.daemon.dir().display().to_string();
    let mark = format!("{MARK}={token}");
    let address = world.daemon.path("proxy.sock");
    let cut = proxy(&address, world.daemon.socket(), mark.clone());
    let through = ["--address", address.to_str().unwrap()];
    let mut up = world.up_with(&manifest(1, &[(MARK, &token)]), &through);
    up.wait_for("all ready: 1 pod", 1);
    assert!(cut.load(Ordering::SeqCst), "{}", up.printed());
    assert!(!up.printed().contains("exited with"), "{}", up.printed());
    assert_eq!(marked(&mark), 1, "{}", up.printed());
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    assert_eq!(Inventory::take(&world.daemon), before);
}
