//! Processes that exit, are killed or are stopped by other programs, and the recovery from it.

use std::fs::File;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::containerd::{Inventory, Nodectl, manifest, shim_of, sockets_of};
use loadgen::{Client, Load, Pace, Plan};
use oci::Digest;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Signal, kill_process};
use test_programs::free_port;

use crate::world::{World, eventually, get, kill, make_pipe};

#[test]
fn a_killed_process_is_replaced_at_once_and_loses_only_its_own_requests() {
    let world = World::new();
    let mut up = world.up(&manifest(3, &[]));
    up.wait_for("all ready: 3 pods", 1);
    for round in 0..3 {
        let mut plan = Plan::new(world.address());
        plan.client = Client::OneShot;
        plan.pace = Pace::Rate(1000);
        plan.time = Duration::from_secs(3);
        let began = Instant::now();
        let load = Load::start(plan).unwrap();
        while load.ok() == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        // The load's own clock started after `began` and before its first response.
        let answered = Instant::now();
        std::thread::sleep(Duration::from_secs(1));
        let (_, pid) = world.running()[round].clone();
        let ready = up.printed().matches("all ready").count();
        let killed_at = answered.elapsed();
        kill(pid);
        // Until then the kernel accepts connections for the killed process.
        wait_until_closed(pid);
        let closed_at = began.elapsed();
        let replaced = up.wait_for("all ready", ready + 1);
        let report = load.finish().unwrap();
        // Only requests in flight when the process died failed: sent before, failed after.
        for failure in &report.failures {
            let sent_at = failure.at.saturating_sub(failure.after);
            let in_flight = sent_at <= closed_at && failure.at >= killed_at;
            assert!(
                in_flight,
                "killed at {killed_at:?}, closed at {closed_at:?}: {report}"
            );
        }
        assert!(report.ok > 20 * report.failed(), "{report}");
        println!("replaced in {replaced:.1?}; {report}");
    }
    assert_eq!(world.running().len(), 3);
    // No pod was restarted twice, which would wait.
    assert!(!up.printed().contains("restarting in"), "{}", up.printed());
}

/// Waits until a killed process has closed its sockets: until it is a zombie without other threads, each of
/// which keeps its files open.
fn wait_until_closed(pid: u64) {
    let state = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit(')').next()?.trim_start().chars().next()
    };
    let threads = || {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
        threads.map_or(0, Iterator::count)
    };
    while threads() > 1 || state().is_some_and(|state| state != 'Z') {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_killed_nodectl_is_followed_by_one_that_adopts_its_pods() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(3, &[]));
    up.wait_for("all ready: 3 pods", 1);
    let running = world.running();
    up.signal(Signal::KILL);
    up.wait();
    assert_eq!(
        world.running(),
        running,
        "the pods keep running without nodectl"
    );
    let mut up = world.up(&manifest(3, &[]));
    up.wait_for("all ready: 3 pods", 1);
    assert_eq!(world.running(), running);
    assert_eq!(
        up.printed().matches(": adopted").count(),
        3,
        "{}",
        up.printed()
    );
    assert!(!world.get("/").is_empty());
    // A process that died while no `up` ran is restarted in its pod.
    up.signal(Signal::KILL);
    up.wait();
    kill(running[0].1);
    let mut up = world.up(&manifest(3, &[]));
    up.wait_for("all ready: 3 pods", 1);
    let after = world.running();
    assert_eq!(after[1..], running[1..]);
    assert_ne!(after[0], running[0]);
    up.signal(Signal::KILL);
    up.wait();
    world.down();
    assert_eq!(Inventory::take(&world.daemon), before);
    world.down();
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn down_removes_what_an_up_that_was_killed_at_any_moment_left() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    for step in 0..16 {
        let up = world.up(&manifest(3, &[]));
        std::thread::sleep(Duration::from_millis(step * 25));
        up.signal(Signal::KILL);
        up.wait();
        world.down();
        // On a busy machine containerd may finish a request of the killed client only now. What that creates
        // is removed by its garbage collection, or by the next `down`.
        let deadline = Instant::now() + Duration::from_mins(1);
        let mut after = Inventory::take(&world.daemon);
        while after != before && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(200));
            world.down();
            after = Inventory::take(&world.daemon);
        }
        assert_eq!(after, before, "killed after {} ms", step * 25);
    }
}

/// containerd may begin an upload for a client that was just killed. It deletes a namespace with an upload in it, and
/// then no longer knows the files.
#[test]
fn down_removes_the_files_of_an_upload_that_nodectl_does_not_know() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    begin_upload(&world, "late");
    world.down();
    assert_eq!(Inventory::take(&world.daemon), before);
}

/// containerd lists an upload only once it has created its files, and fails to abort one while it creates another.
#[test]
fn down_aborts_an_upload_that_containerd_is_still_creating() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let reference = format!("nodectl-import-up-{}-late", world.daemon.instance());
    // Where containerd keeps this upload. It takes what is there for an earlier attempt, and reads its name, from a
    // pipe that this test holds.
    let path = Digest::of(format!("nodectl/1/{reference}").as_bytes());
    let upload = world
        .daemon
        .path("root/io.containerd.content.v1.content/ingest")
        .join(path.hex());
    let (name, data) = (upload.join("ref"), upload.join("data"));
    std::fs::create_dir_all(&upload).unwrap();
    File::create(&data).unwrap();
    make_pipe(&name);
    let mut ctr = ingest(&world, &reference);
    let pipe = eventually("containerd reads the name of the upload", || {
        open(
            &name,
            OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .ok()
    });
    std::fs::remove_file(name).unwrap();
    kill_and_wait(&mut ctr);
    std::thread::scope(|scope| {
        let down = scope.spawn(|| world.down());
        // A `down` that does not wait for containerd finds nothing to abort in this time.
        std::thread::sleep(Duration::from_secs(1));
        drop(pipe);
        // Until half a second after containerd has begun to remove them.
        let mut removal = None;
        let create = || (0..64).all(|number| File::create(upload.join(number.to_string())).is_ok());
        while !down.is_finished()
            && removal.is_none_or(|began: Instant| began.elapsed() < Duration::from_millis(500))
            && create()
        {
            if !data.exists() {
                removal.get_or_insert_with(Instant::now);
            }
        }
        down.join().unwrap();
    });
    assert_eq!(Inventory::take(&world.daemon), before);
}

/// containerd collects garbage for others too, at any time.
#[test]
fn down_waits_for_its_garbage_collection_beside_others() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                world
                    .daemon
                    .ctr(&["-n", "other", "leases", "create", "--id", "x"]);
                world
                    .daemon
                    .ctr(&["-n", "other", "leases", "delete", "--sync", "x"]);
            }
        });
        // Also after a failure: the scope waits for the thread.
        let _done = SetOnDrop(&is_done);
        for _ in 0..30 {
            world.down();
            let left = Inventory::take(&world.daemon);
            let is_clean = left.files == before.files
                && left.containerd.iter().all(|line| !line.contains("nodectl"));
            assert!(is_clean, "{left:?}");
        }
    });
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Begins an upload that no client continues.
fn begin_upload(world: &World, reference: &str) {
    let before = Inventory::take(&world.daemon);
    let mut ctr = ingest(world, reference);
    eventually("an upload", || {
        (Inventory::take(&world.daemon) != before).then_some(())
    });
    kill_and_wait(&mut ctr);
}

/// A client that uploads what it never gets.
fn ingest(world: &World, reference: &str) -> Child {
    world
        .daemon
        .ctr_command(&["-n", "nodectl", "content", "ingest", reference])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

fn kill_and_wait(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_stubborn_pod_is_killed_after_its_grace_and_at_once_by_a_second_ctrl_c() {
    let world = World::new();
    let short = "terminationGracePeriodSeconds: 5\n";
    let stubborn = manifest(1, &[("STUBBORN", "1")]);
    assert!(stubborn.contains(short), "{stubborn}");
    // Longer than any wait of this test.
    let stubborn = stubborn.replace(short, "terminationGracePeriodSeconds: 3600\n");
    let mut up = world.up(&stubborn);
    up.wait_for("all ready: 1 pod", 1);
    up.signal(Signal::INT);
    up.wait_for("stopping", 1);
    std::thread::sleep(Duration::from_millis(500));
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));

    let mut up = world.up_with(&stubborn, &["--grace-period", "1"]);
    up.wait_for("all ready: 1 pod", 1);
    let began = Instant::now();
    up.signal(Signal::TERM);
    assert_eq!(up.wait(), Some(130));
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_crash_is_followed_by_a_restart_at_once_and_the_next_one_by_a_delay() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[("CRASH_MS", "300")]));
    up.wait_for("container web exited with 3, restarting\n", 1);
    up.wait_for("container web exited with 3, restarting in 10 s", 1);
    let ps = Nodectl::run(&world.daemon, &["ps"]);
    assert!(ps.stdout.contains("exited (3)"), "{}", ps.stdout);
    let pod = world.ps()["pods"][0]["name"].as_str().unwrap().to_owned();
    // The log writer may write the last lines after the exit.
    let deadline = Instant::now() + Duration::from_mins(1);
    let logs = loop {
        let logs = Nodectl::run(&world.daemon, &["logs", &pod]).stdout;
        if logs.ends_with("crashing as asked\n") || Instant::now() > deadline {
            break logs;
        }
    };
    assert!(logs.ends_with("crashing as asked\n"), "{logs}");
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
}

#[test]
fn containerd_may_be_restarted_under_running_pods() {
    let mut world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(2, &[]));
    up.wait_for("all ready: 2 pods", 1);
    let running = world.running();
    let mut plan = Plan::new(world.address());
    plan.pace = Pace::Rate(200);
    plan.time = Duration::from_secs(4);
    let load = Load::start(plan).unwrap();
    world.daemon.restart(Duration::from_millis(500));
    let report = load.finish().unwrap();
    assert_eq!(report.failed(), 0, "{report}");
    assert_eq!(world.running(), running);
    kill(running[0].1);
    up.wait_for("all ready: 2 pods", 2);
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn containerd_may_be_restarted_while_pods_are_being_created() {
    let mut world = World::new();
    let before = Inventory::take(&world.daemon);
    for step in 0..6 {
        let mut up = world.up(&manifest(3, &[]));
        up.wait_for("creating", 3);
        std::thread::sleep(Duration::from_millis(step * 40));
        world.daemon.restart(Duration::ZERO);
        up.wait_for("all ready: 3 pods", 1);
        up.signal(Signal::INT);
        assert_eq!(up.wait(), Some(130));
        assert_eq!(Inventory::take(&world.daemon), before, "step {step}");
    }
}

#[test]
fn without_containerd_ctrl_c_leaves_the_pods_and_says_so() {
    let mut world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(2, &[]));
    up.wait_for("all ready: 2 pods", 1);
    let running = world.running();
    world.daemon.stop();
    up.signal(Signal::INT);
    up.wait_for("not stopped, containerd does not answer", 2);
    let log = up.printed();
    assert!(!log.contains(": stopped"), "{log}");
    let log = up.log().to_owned();
    assert_eq!(up.wait(), Some(4));
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("error: "), "{log}");
    for (_, pid) in &running {
        assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    }
    world.daemon.launch();
    assert_eq!(world.running(), running);
    world.down();
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn a_pod_with_a_stuck_shim_is_left_alone_until_down() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(2, &[]));
    up.wait_for("all ready: 2 pods", 1);
    up.signal(Signal::KILL);
    up.wait();
    let running = world.running();
    let (stuck, pid) = &running[0];
    let pod = stuck.trim_end_matches(".web.0");
    let shim = shim_of(stuck);
    kill_process(shim, Signal::STOP).unwrap();
    let mut up = world.up(&manifest(2, &[]));
    up.wait_for(
        &format!("pod {pod}: not adopted, because its shim does not answer"),
        1,
    );
    up.wait_for("all ready: 2 pods", 1);
    assert_eq!(
        up.printed().matches(": adopted").count(),
        1,
        "{}",
        up.printed()
    );
    kill_process(shim, Signal::CONT).unwrap();
    let after = world.running();
    assert_eq!(
        after.len(),
        3,
        "a new pod beside the one that was left alone"
    );
    assert!(after.contains(&(stuck.clone(), *pid)), "{after:?}");
    kill_process(shim, Signal::STOP).unwrap();
    let log = up.log().to_owned();
    world.down();
    assert_eq!(
        up.wait(),
        Some(130),
        "{}",
        std::fs::read_to_string(log).unwrap()
    );
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn a_down_that_may_not_wait_reports_the_running_up() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let down = Nodectl::run(&world.daemon, &["down", "--wait", "0"]);
    assert_eq!(down.code, Some(1), "{}", down.stderr);
    assert!(
        down.stderr.contains("did not stop within 0 s\nhint: ") && down.stderr.contains("--wait"),
        "{}",
        down.stderr
    );
    // It was asked to stop nevertheless.
    assert_eq!(up.wait(), Some(130));
}

#[test]
fn a_killed_shims_socket_is_removed() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(2, &[]));
    up.wait_for("all ready: 2 pods", 1);
    let shims = world.running().into_iter().map(|(id, _)| shim_of(&id));
    let shims: Vec<_> = shims.map(|shim| (shim, sockets_of(shim))).collect();
    let sockets = || shims.iter().flat_map(|(_, sockets)| sockets);
    assert!(sockets().count() >= 2 && sockets().all(|socket| socket.exists()));
    // One shim whose container is replaced, and one that only `down` finds.
    kill_process(shims[0].0, Signal::KILL).unwrap();
    up.wait_for("all ready: 2 pods", 2);
    up.signal(Signal::KILL);
    up.wait();
    kill_process(shims[1].0, Signal::KILL).unwrap();
    world.down();
    let left: Vec<_> = sockets().filter(|socket| socket.exists()).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn a_closed_terminal_takes_everything_down() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    up.signal(Signal::HUP);
    assert_eq!(up.wait(), Some(130));
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn several_instances_that_start_at_once_have_subnets_and_pods_of_their_own() {
    let world = World::new();
    let names = ["one", "two", "three", "four", "five", "six"];
    let ports = names.map(|_| free_port());
    let mut all: Vec<_> = names
        .iter()
        .zip(&ports)
        .map(|(name, port)| {
            let publish = format!("{port}:80");
            let args = [
                "--images",
                &world.layout,
                "--publish",
                &publish,
                "--namespace",
                name,
            ];
            let manifest = manifest(1, &[("OF", name)]);
            Nodectl::up_beside(&world.daemon, name, &manifest, &args)
        })
        .collect();
    let subnets: std::collections::BTreeSet<_> = names
        .iter()
        .zip(&mut all)
        .map(|(name, up)| {
            up.wait_for("all ready: 1 pod", 1);
            let ps = Nodectl::run(&world.daemon, &["ps", "--namespace", name, "-o", "json"]);
            let ps: serde_json::Value = serde_json::from_str(&ps.stdout).unwrap();
            let ip = ps["pods"][0]["ip"].as_str().unwrap();
            ip.rsplit_once('.').unwrap().0.to_owned()
        })
        .collect();
    for (name, port) in names.iter().zip(&ports) {
        assert_eq!(get(([127, 0, 0, 1], *port).into(), "/env/OF"), *name);
    }
    for up in all {
        up.signal(Signal::INT);
        assert_eq!(up.wait(), Some(130));
    }
    assert_eq!(subnets.len(), names.len(), "{subnets:?}");
}

#[test]
fn a_second_up_is_refused() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let file = world.daemon.path("up.yaml");
    let file = file.to_str().unwrap();
    let outcome = Nodectl::run(&world.daemon, &["up", "-f", file, "--publish", "0:80"]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome
            .stderr
            .contains("error: another `nodectl` (process "),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("hint: `nodectl down` stops it"),
        "{}",
        outcome.stderr
    );
    // `down` stops the running one.
    world.down();
    assert_eq!(up.wait(), Some(130));
}
