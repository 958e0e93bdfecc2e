//! `nodectl up` on a real containerd and runc. Needs root, containerd, ctr, runc and rustc's musl
//! target.
#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::containerd::{Daemon, Inventory, Nodectl, image_layout, manifest};
use e2e::load::{Client, Load, Pace, Plan};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A daemon with an image's layout beside it.
struct World {
    daemon: Daemon,
    layout: String,
    port: u16,
}

impl World {
    fn new() -> Self {
        let daemon = Daemon::start();
        let dir = daemon.path("image");
        image_layout(&dir);
        let layout = format!("oci:{}", dir.display());
        Self {
            daemon,
            layout,
            port: free_port(),
        }
    }

    fn publish(&self) -> String {
        format!("{}:80", self.port)
    }

    fn up(&self, manifest: &str) -> Nodectl {
        let publish = self.publish();
        Nodectl::up(
            &self.daemon,
            manifest,
            &["--images", &self.layout, "--publish", &publish],
        )
    }

    fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    fn get(&self, path: &str) -> String {
        get(self.address(), path)
    }

    fn ps(&self) -> Value {
        let outcome = Nodectl::run(&self.daemon, &["ps", "--output", "json"]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    /// Container ID and process of every container, sorted.
    fn running(&self) -> Vec<(String, u64)> {
        let ps = self.ps();
        let containers = ps["pods"].as_array().unwrap().iter().flat_map(|pod| {
            pod["containers"].as_array().unwrap().iter().map(|one| {
                (
                    one["id"].as_str().unwrap().to_owned(),
                    one["pid"].as_u64().unwrap_or(0),
                )
            })
        });
        let mut all: Vec<_> = containers.collect();
        all.sort();
        all
    }

    fn down(&self) {
        let outcome = Nodectl::run(&self.daemon, &["down"]);
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The body of an answer; empty if there is none.
fn get(address: SocketAddr, path: &str) -> String {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = ask().unwrap_or_default();
    answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default()
}

fn kill(pid: u64) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

#[test]
fn three_pods_answer_behind_one_port_and_ctrl_c_leaves_nothing() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let mut up = world.up(&manifest(3, &[]));
    up.wait_for("all ready: 3 pods", 1);
    up.wait_for(&format!("http://127.0.0.1:{}/", world.port), 1);
    let mut names: Vec<_> = (0..9).map(|_| world.get("/")).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3, "{names:?}");
    let listed: Vec<_> = world.ps()["pods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].clone())
        .collect();
    assert_eq!(
        listed,
        names
            .iter()
            .map(|name| Value::from(name.as_str()))
            .collect::<Vec<_>>()
    );
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    assert_eq!(Inventory::take(&world.daemon), before);
}

#[test]
fn a_killed_process_is_replaced_within_5_s_and_loses_only_what_it_had() {
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
        std::thread::sleep(Duration::from_secs(1));
        let (_, pid) = world.running()[round].clone();
        let ready = up.told().matches("all ready").count();
        let killed_at = began.elapsed();
        kill(pid);
        let replaced = up.wait_for("all ready", ready + 1);
        assert!(replaced < Duration::from_secs(5), "{replaced:?}");
        let report = load.finish().unwrap();
        assert!(report.ok > 2500, "{report}");
        // What failed was under way when the process died: it was sent before, and ended after. The
        // kernel takes some milliseconds to close what a killed process had open, and takes
        // connections in its name until then.
        let closing = Duration::from_millis(50);
        for failure in &report.failures {
            let sent_at = failure.at.saturating_sub(failure.after);
            assert!(
                sent_at <= killed_at + closing,
                "killed at {killed_at:?}: {report}"
            );
            assert!(failure.at >= killed_at, "killed at {killed_at:?}: {report}");
        }
        assert!(report.failed() <= 16, "{report}");
        println!("replaced in {replaced:.1?}; {report}");
    }
    assert_eq!(world.running().len(), 3);
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
    assert_eq!(world.running(), running, "the pods go on without nodectl");
    let mut up = world.up(&manifest(3, &[]));
    up.wait_for("all ready: 3 pods", 1);
    assert_eq!(world.running(), running);
    assert_eq!(up.told().matches("adopted").count(), 3, "{}", up.told());
    assert!(!world.get("/").is_empty());
    // A process that died while nobody looked is started again, in its pod.
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
        let after = Inventory::take(&world.daemon);
        assert_eq!(after, before, "killed after {} ms", step * 25);
    }
}

#[test]
fn a_template_that_changed_rolls_out_without_a_lost_request() {
    let world = World::new();
    let mut up = world.up(&manifest(3, &[("VERSION", "1")]));
    up.wait_for("all ready: 3 pods", 1);
    assert_eq!(world.get("/env/VERSION"), "1");
    up.signal(Signal::KILL);
    up.wait();
    let old = world.running();
    let mut up = world.up(&manifest(3, &[("VERSION", "2"), ("DRAIN_MS", "300")]));
    up.wait_for("service web: listening", 1);
    let mut plan = Plan::new(world.address());
    plan.client = Client::OneShot;
    plan.pace = Pace::Rate(500);
    plan.time = Duration::from_secs(3);
    let load = Load::start(plan).unwrap();
    up.wait_for("all ready: 3 pods", 1);
    let report = load.finish().unwrap();
    assert_eq!(report.failed(), 0, "{report}");
    assert!(report.ok > 1000, "{report}");
    assert_eq!(world.get("/env/VERSION"), "2");
    let new = world.running();
    assert_eq!(new.len(), 3);
    assert!(old.iter().all(|one| !new.contains(one)));
}

#[test]
fn probes_decide_who_gets_requests_and_who_is_started_again() {
    let world = World::new();
    let mut up = world.up(&manifest(2, &[]));
    up.wait_for("all ready: 2 pods", 1);
    // Not ready: it gets no more connections, and is not started again.
    let pods = world.ps();
    let ip = |at: usize| -> SocketAddr {
        format!("{}:5000", pods["pods"][at]["ip"].as_str().unwrap())
            .parse()
            .unwrap()
    };
    let name = |at: usize| pods["pods"][at]["name"].as_str().unwrap().to_owned();
    get(ip(0), "/unready");
    up.wait_for(&format!("pod {}: not ready", name(0)), 1);
    assert!((0..10).all(|_| world.get("/") == name(1)));
    get(ip(0), "/ready");
    up.wait_for(&format!("pod {}: ready", name(0)), 2);
    // Not alive: it is started again, in its pod.
    get(ip(1), "/sick");
    up.wait_for(
        &format!(
            "pod {}: container web is unhealthy: liveness probe",
            name(1)
        ),
        1,
    );
    up.wait_for(&format!("pod {}: ready", name(1)), 2);
    let restarts = |at: usize| world.ps()["pods"][at]["containers"][0]["restarts"].clone();
    assert_eq!((restarts(0), restarts(1)), (0.into(), 1.into()));
}

#[test]
fn a_pod_has_what_its_manifest_says() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[("GREETING", "hello $(NAME)")]));
    up.wait_for("all ready: 1 pod", 1);
    let pod = world.ps()["pods"][0].clone();
    let name = pod["name"].as_str().unwrap();
    assert_eq!(world.get("/"), name);
    assert_eq!(world.get("/env/GREETING"), format!("hello {name}"));
    assert_eq!(world.get("/env/HOSTNAME"), name);
    let hosts = world.get("/read/etc/hosts");
    assert!(
        hosts.contains(&format!("{}\t{name}", pod["ip"].as_str().unwrap())),
        "{hosts}"
    );
    assert!(world.get("/write/file").contains("Read-only file system"));
    let status = world.get("/read/proc/self/status");
    for line in [
        "Uid:\t65532\t65532\t65532\t65532",
        "Gid:\t65532\t65532\t65532\t65532",
        "CapBnd:\t0000000000000000",
        "CapEff:\t0000000000000000",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
    ] {
        assert!(status.contains(line), "{line} is not in\n{status}");
    }
    let logs = Nodectl::run(&world.daemon, &["logs", name]);
    assert_eq!(
        logs.stdout,
        format!("{name}: starting\n{name}: listening\n")
    );
    for (flags, told) in [
        (["--previous"].as_slice(), "has started once"),
        (
            ["--tail", "1"].as_slice(),
            "`logs --tail` is for the kubelet's containers",
        ),
    ] {
        let refused = Nodectl::run(&world.daemon, &[&["logs", name], flags].concat());
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(told), "{}", refused.stderr);
    }
}

#[test]
fn connections_end_in_order_and_either_side_may_end_first() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    // The client has nothing more to send, and still gets its answer.
    let mut stream = TcpStream::connect(world.address()).unwrap();
    stream.write_all(b"GET /slow/200 HTTP/1.1\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    // A request under way when Ctrl-C comes is still answered, and nobody new is let in.
    let address = world.address();
    let slow = std::thread::spawn(move || get(address, "/slow/700"));
    std::thread::sleep(Duration::from_millis(200));
    drop(up);
    let mut up = world.up(&manifest(1, &[("DRAIN_MS", "1500")]));
    let _ = slow.join();
    up.wait_for("all ready: 1 pod", 1);
    let slow = std::thread::spawn(move || get(address, "/slow/700"));
    std::thread::sleep(Duration::from_millis(200));
    up.signal(Signal::TERM);
    up.wait_for("Stopping", 1);
    std::thread::sleep(Duration::from_millis(100));
    assert!(TcpStream::connect(address).is_err());
    assert!(slow.join().unwrap().starts_with("web-"));
    assert_eq!(up.wait(), Some(130));
}

#[test]
fn a_stubborn_pod_is_killed_after_its_grace_and_at_once_by_a_second_ctrl_c() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[("STUBBORN", "1")]));
    up.wait_for("all ready: 1 pod", 1);
    let began = Instant::now();
    up.signal(Signal::INT);
    up.wait_for("stopping", 1);
    std::thread::sleep(Duration::from_millis(500));
    up.signal(Signal::INT);
    assert_eq!(up.wait(), Some(130));
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );

    let publish = world.publish();
    let args = [
        "--images",
        &world.layout,
        "--publish",
        &publish,
        "--grace-period",
        "1",
    ];
    let mut up = Nodectl::up(&world.daemon, &manifest(1, &[("STUBBORN", "1")]), &args);
    up.wait_for("all ready: 1 pod", 1);
    let began = Instant::now();
    up.signal(Signal::TERM);
    assert_eq!(up.wait(), Some(130));
    let took = began.elapsed();
    assert!(
        (Duration::from_secs(1)..Duration::from_secs(3)).contains(&took),
        "{took:?}"
    );
}

#[test]
fn a_crash_is_made_good_at_once_and_the_next_one_waits() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[("CRASH_MS", "300")]));
    up.wait_for("container web ended with 3, starting it again\n", 1);
    up.wait_for("container web ended with 3, starting it again in 10 s", 1);
    let ps = Nodectl::run(&world.daemon, &["ps"]);
    assert!(ps.stdout.contains("exited (3)"), "{}", ps.stdout);
    let pod = world.ps()["pods"][0]["name"].as_str().unwrap().to_owned();
    // The shim copies what was written; the end of it may come after the exit.
    let deadline = Instant::now() + Duration::from_secs(2);
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
fn two_at_once_are_told_apart() {
    let world = World::new();
    let mut up = world.up(&manifest(1, &[]));
    up.wait_for("all ready: 1 pod", 1);
    let file = world.daemon.path("manifest.yaml");
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
        outcome.stderr.contains("hint: `nodectl down` ends it"),
        "{}",
        outcome.stderr
    );
    // `down` ends the one that runs.
    world.down();
    assert_eq!(up.wait(), Some(130));
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table of inputs and what is told of each"
)]
fn bad_input_is_told_and_leaves_nothing() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let good = manifest(1, &[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().port();
    let check = |manifest: &str, args: &[&str], code: i32, told: &[&str]| {
        let args = [&["up", "-f", "-"], args].concat();
        let outcome = Nodectl::run_with_input(&world.daemon, &args, manifest);
        assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
        for text in told {
            assert!(
                outcome.stderr.contains(text),
                "`{text}` is not in:\n{}",
                outcome.stderr
            );
        }
        assert_eq!(outcome.stdout, "");
        assert_eq!(Inventory::take(&world.daemon), before, "{told:?}");
    };
    let layout = ["--images", &world.layout, "--publish", &world.publish()].map(str::to_owned);
    let layout: Vec<_> = layout.iter().map(String::as_str).collect();

    check(
        "{not: [yaml",
        &layout,
        2,
        &["error: standard input is not YAML: "],
    );
    check(
        "just words",
        &layout,
        2,
        &["document 1: it is no object with `apiVersion` and `kind`"],
    );
    check("", &layout, 2, &["error: the manifests have no Deployment"]);
    let other = good.replace("matchLabels: {app: web}", "matchLabels: {app: other}");
    let told =
        "Deployment `web`: spec.selector does not match the labels of spec.template (app=web)";
    check(&other, &layout, 2, &[told]);
    let other = good.replace("selector: {app: web}", "selector: {app: other}");
    let told = "Service `web`: spec.selector (app=other) selects the pods of no Deployment";
    check(&other, &layout, 2, &[told]);
    let cargo = good.replace("image: pod:1", "image: cargo://app");
    let told = "container `web`: image `cargo://app` is not resolved";
    check(&cargo, &layout, 2, &[told, "hint: `imagebuilder resolve "]);
    let port = good.replace("targetPort: http", "targetPort: nosuch");
    check(
        &port,
        &layout,
        2,
        &["spec.ports[80].targetPort: Deployment `web` has no port `nosuch`"],
    );
    let field = good.replace("replicas: 1", "replicas: many");
    check(&field, &layout, 2, &["Deployment `web`: spec.replicas: "]);
    let missing = good.replace("image: pod:1", "image: nosuch:1");
    check(
        &missing,
        &layout,
        2,
        &["has no image `nosuch:1`, only `pod:1`"],
    );
    let told = "image `pod:1` is not in containerd";
    check(
        &good,
        &["--publish", "0:80"],
        2,
        &[told, "hint: name a layout that has it"],
    );
    let root = good.replace("runAsUser: 65532", "runAsUser: 0");
    check(
        &root,
        &layout,
        2,
        &["runAsNonRoot is set, and the container would run as root"],
    );
    let publish = format!("{taken}:80");
    let in_use = ["--images", layout[1], "--publish", &publish];
    let told = format!("error: cannot listen on 127.0.0.1:{taken}");
    check(
        &good,
        &in_use,
        2,
        &[&told, "in use", "hint: choose another port"],
    );
    let told = "--publish: no Service has port 81";
    check(
        &good,
        &["--images", layout[1], "--publish", "0:81"],
        2,
        &[told, "there are web:80"],
    );
    let overlap = [&layout[..], &["--pod-cidr", "127.0.0.0/24"]].concat();
    check(
        &good,
        &overlap,
        2,
        &["pod network 127.0.0.0/24 overlaps 127.0.0.0/"],
    );
    let nowhere = [&layout[..], &["--address", "/nosuch/socket"]].concat();
    let told = "error: cannot reach containerd at /nosuch/socket";
    check(
        &good,
        &nowhere,
        4,
        &[told, "hint: is containerd installed and running?"],
    );
}

#[test]
fn a_socket_that_is_not_ours_to_use_is_told_of() {
    const NOBODY: u32 = 65534;
    let daemon = Daemon::start();
    // Where everybody may run it; the folder of the build may be closed to others.
    let nodectl = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    std::fs::copy(e2e::program("nodectl"), &nodectl).unwrap();
    let mut command = Command::new(&nodectl);
    command
        .args(["images", "list", "--address"])
        .arg(daemon.socket());
    let output = command.uid(NOBODY).gid(NOBODY).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    for text in [
        "Permission denied",
        "hint: the socket is root's: run this with sudo",
    ] {
        assert!(stderr.contains(text), "`{text}` is not in:\n{stderr}");
    }
}

#[test]
fn a_damaged_layout_is_refused_and_leaves_nothing() {
    let world = World::new();
    let before = Inventory::take(&world.daemon);
    let dir = world.daemon.path("image");
    let blobs = dir.join("blobs/sha256");
    for entry in std::fs::read_dir(&blobs).unwrap() {
        let path = entry.unwrap().path();
        let whole = std::fs::read(&path).unwrap();
        let digest = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for damaged in [flipped, whole[..whole.len() - 1].to_vec()] {
            std::fs::write(&path, damaged).unwrap();
            let publish = world.publish();
            let args = [
                "up",
                "-f",
                "-",
                "--images",
                &world.layout,
                "--publish",
                &publish,
            ];
            let outcome = Nodectl::run_with_input(&world.daemon, &args, &manifest(1, &[]));
            assert_eq!(outcome.code, Some(5), "{}", outcome.stderr);
            assert!(outcome.stderr.contains(&digest), "{}", outcome.stderr);
            assert!(
                outcome.stderr.contains(dir.to_str().unwrap()),
                "{}",
                outcome.stderr
            );
            assert_eq!(Inventory::take(&world.daemon), before);
            let args = ["images", "import", &world.layout];
            let outcome = Nodectl::run(&world.daemon, &args);
            assert_eq!(outcome.code, Some(5), "{}", outcome.stderr);
            let without_namespace = |inventory: Inventory| inventory.containerd.len();
            assert!(
                without_namespace(Inventory::take(&world.daemon)) <= before.containerd.len() + 1
            );
        }
        std::fs::write(&path, whole).unwrap();
    }
}

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
    // An image that was imported by hand outlives `up`.
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
