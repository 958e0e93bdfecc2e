//! The harness itself: a test that leaks a resource fails, and the resource is still removed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;

use e2e::containerd::Daemon;

/// Leaks a resource in a test, and asserts that the test fails because of it, and that `is_gone`
/// holds afterwards.
#[track_caller]
fn check(kind: &str, leave: impl FnOnce(&Daemon) -> String, is_gone: impl FnOnce(&str) -> bool) {
    let mut left = String::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let daemon = Daemon::start();
        left = leave(&daemon);
    }));
    let panic = outcome.expect_err(kind);
    let message = panic.downcast::<String>().unwrap();
    let line = format!("{kind} {left}");
    assert!(message.contains(&line), "`{line}` is not in:\n{message}");
    assert!(is_gone(&left), "{kind} {left}");
}

fn run(program: &str, args: &[&str]) {
    let status = Command::new(program).args(args).status().unwrap();
    assert!(status.success(), "{program} {args:?}");
}

fn instance(daemon: &Daemon) -> String {
    daemon.instance()
}

fn is_no_path(path: &str) -> bool {
    !Path::new(path).exists()
}

fn is_not_mounted(path: &str) -> bool {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    !mounts.contains(path) && is_no_path(path)
}

#[test]
fn a_test_that_leaves_a_mount_fails() {
    let leave = |daemon: &Daemon| {
        let path = daemon.path("left").display().to_string();
        std::fs::create_dir(&path).unwrap();
        run("mount", &["-t", "tmpfs", "left", &path]);
        path
    };
    check("mount", leave, is_not_mounted);
    // Where `nodectl` keeps its data by default.
    let leave = |daemon: &Daemon| {
        let path = format!("/var/lib/nodectl/nodectl-{}", instance(daemon));
        std::fs::create_dir_all(&path).unwrap();
        run("mount", &["-t", "tmpfs", "left", &path]);
        path
    };
    check("mount", leave, is_not_mounted);
}

#[test]
fn a_test_that_leaves_a_network_namespace_or_a_link_fails() {
    let leave = |daemon: &Daemon| {
        let path = daemon.path("netns").display().to_string();
        std::fs::write(&path, "").unwrap();
        run("unshare", &[&format!("--net={path}"), "true"]);
        path
    };
    check("mount", leave, is_not_mounted);
    let leave = |daemon: &Daemon| {
        let name = format!("nc{}-left", instance(daemon));
        run("ip", &["link", "add", &name, "type", "bridge"]);
        name
    };
    let is_gone = |name: &str| is_no_path(&format!("/sys/class/net/{name}"));
    check("network link", leave, is_gone);
}

#[test]
fn a_test_that_leaves_a_process_fails() {
    let mut child = None;
    let leave = |daemon: &Daemon| {
        let mut command = Command::new("sleep");
        let process = command
            .arg("600")
            .env("LEFT_OF", daemon.dir())
            .spawn()
            .unwrap();
        let id = process.id();
        child = Some(process);
        // The parent may resume before the child's new arguments and environment are visible.
        let command_line = format!("/proc/{id}/cmdline");
        while std::fs::read(&command_line).unwrap().is_empty() {
            std::thread::yield_now();
        }
        format!("{id} sleep 600")
    };
    check("process", leave, |_| true);
    let status = child.unwrap().wait().unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(9)
    );
}

#[test]
fn a_test_that_leaves_a_cgroup_or_a_directory_fails() {
    let leave = |daemon: &Daemon| {
        let root = Path::new("/sys/fs/cgroup");
        let pids = root.join("pids");
        let root = if pids.is_dir() { &pids } else { root };
        let path = root.join(format!("nodectl-{}", instance(daemon)));
        std::fs::create_dir_all(path.join("left")).unwrap();
        path.display().to_string()
    };
    check("cgroup", leave, is_no_path);
    let leave = |daemon: &Daemon| {
        let path = format!("/var/lib/nodectl/left-{}", instance(daemon));
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    check("directory", leave, is_no_path);
    let leave = |daemon: &Daemon| {
        let path = daemon.path("data/left").display().to_string();
        std::fs::create_dir_all(&path).unwrap();
        path
    };
    check("file", leave, is_no_path);
}
