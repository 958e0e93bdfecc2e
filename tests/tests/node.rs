//! `nodectl -k` on a real containerd whose containers look like a kubelet's. Needs root, containerd,
//! ctr, runc and rustc's musl target.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use e2e::containerd::{Daemon, Kubelet, Nodectl, Outcome, shim_above, shim_of};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Bounds the waits; none of them takes long.
const TIMEOUT: Duration = Duration::from_mins(2);

fn run(daemon: &Daemon, args: &[&str]) -> Outcome {
    Nodectl::run(daemon, &[&["-k"], args].concat())
}

fn ok(daemon: &Daemon, args: &[&str]) -> String {
    let outcome = run(daemon, args);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    outcome.stdout
}

fn as_json(daemon: &Daemon, args: &[&str]) -> Value {
    serde_json::from_str(&ok(daemon, &[args, &["--output", "json"]].concat())).unwrap()
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn line(second: u32, stream: &str, tag: &str, text: &str) -> String {
    format!("2026-11-22T15:39:{second:02}.5Z {stream} {tag} {text}\n")
}

#[test]
fn pods_and_containers_are_listed_with_their_problems() {
    let daemon = Daemon::start();
    let kubelet = Kubelet::new(&daemon);
    kubelet.sandbox("shop", "web-1", "10.1.0.7");
    let running = kubelet.container("shop", "web-1", "web", 0);
    let pid = kubelet.run(&running);
    kubelet.sandbox("shop", "web-2", "10.1.0.8");
    for attempt in [3, 4] {
        let dead = kubelet.container("shop", "web-2", "web", attempt);
        kubelet.status(
            &dead,
            &json!({"Version": "v1", "StartedAt": 1_795_361_998_942_244_259_i64,
                    "FinishedAt": 1_795_362_000_000_000_000_i64, "ExitCode": 137,
                    "Reason": "OOMKilled", "Message": ""}),
        );
    }
    let log = kubelet.log_path("shop", "web-2", "web", 4);
    append(&log, &line(1, "stdout", "F", "starting"));
    append(&log, &line(2, "stderr", "F", "allocating a lot"));
    kubelet.sandbox("shop", "web-3", "10.1.0.9");

    let text = ok(&daemon, &["pods"]);
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[1][..5],
        ["shop", "web-1", "1/1", "running", "0"],
        "{text}"
    );
    assert!(
        text.contains("web: exit 137 (SIGKILL), OOMKilled"),
        "{text}"
    );
    assert!(
        text.contains("no container: its image is being pulled or cannot be"),
        "{text}"
    );

    let ps = as_json(&daemon, &["ps"]);
    let containers = ps["containers"].as_array().unwrap();
    assert_eq!(containers.len(), 2, "one start of each: {ps}");
    assert_eq!(containers[0]["pid"], pid);
    assert_eq!(containers[0]["pod_ip"], "10.1.0.7");
    assert_eq!(containers[0]["image"], "registry.example/web:1");
    assert_eq!(
        (&containers[1]["restarts"], &containers[1]["state"]),
        (&json!(4), &json!("exited"))
    );
    assert_eq!(containers[1]["exit_code"], 137);
    let text = ok(&daemon, &["ps"]);
    assert!(text.contains("exited (137, OOMKilled)"), "{text}");

    let inspected = ok(&daemon, &["inspect", "shop/web-2"]);
    for expected in [
        "Problem      web: exit 137",
        "    | allocating a lot",
        "(earlier start)",
    ] {
        assert!(
            inspected.contains(expected),
            "`{expected}` is not in:\n{inspected}"
        );
    }
    let inspected = as_json(&daemon, &["inspect", "uid-of-web-2"]);
    assert_eq!(
        inspected["containers"][0]["last_lines"],
        json!(["starting", "allocating a lot"])
    );
    assert_eq!(inspected["labels"], json!({"app": "web"}));

    let stats = as_json(&daemon, &["stats", "--interval", "100"]);
    let one = &stats["stats"][0];
    assert_eq!(
        (&one["pod"], stats["stats"].as_array().unwrap().len()),
        (&json!("web-1"), 1)
    );
    assert!(
        one["memory_working_set_bytes"].as_u64().unwrap() > 0,
        "{one}"
    );
    assert!(one["pids"].as_u64().unwrap() >= 1, "{one}");
    assert!(
        one["cpu_millicores"].is_u64() && one["network"]["rx_bytes"].is_u64(),
        "{one}"
    );

    let outcome = run(&daemon, &["inspect", "nosuch"]);
    assert_eq!(outcome.code, Some(2));
    assert_eq!(
        outcome.stderr,
        "error: there is no pod `nosuch` on this node\nhint: `nodectl -k pods` lists them\n"
    );
    let outcome = run(&daemon, &["down"]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
}

/// A cgroup in every hierarchy that a process can be moved into. Dropping it removes them.
struct Elsewhere(Vec<PathBuf>);

impl Elsewhere {
    fn new() -> Self {
        let name = format!("nodectl-test-{}", std::process::id());
        let root = PathBuf::from("/sys/fs/cgroup");
        let below = fs::read_dir(&root).unwrap().map(|e| e.unwrap().path());
        let hierarchies: Vec<_> = if root.join("cgroup.procs").exists() {
            vec![root]
        } else {
            // A cpuset accepts processes only once it has CPUs.
            below.filter(|path| !path.ends_with("cpuset")).collect()
        };
        let groups = hierarchies
            .iter()
            .filter(|path| path.join("cgroup.procs").exists())
            .map(|path| path.join(&name));
        Self(
            groups
                .inspect(|path| fs::create_dir(path).unwrap())
                .collect(),
        )
    }

    /// Runs nodectl in its own cgroup namespace, as containers of a pod are under version 2.
    fn run(&self, daemon: &Daemon, args: &[&str]) -> Value {
        let enter = "for group; do [ \"$group\" != -- ] || break; echo $$ >\"$group\"/cgroup.procs; shift; done; \
                     shift; exec unshare --cgroup \"$@\"";
        let output = Command::new("sh")
            .args(["-ec", enter, "sh"])
            .args(&self.0)
            .arg("--")
            .arg(e2e::program("nodectl"))
            .arg("-k")
            .args(args)
            .env("CONTAINERD_ADDRESS", daemon.socket())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        for group in &self.0 {
            let _ = fs::remove_dir(group);
        }
    }
}

#[test]
fn figures_are_the_same_from_a_cgroup_namespace_of_its_own() {
    let daemon = Daemon::start();
    let kubelet = Kubelet::new(&daemon);
    kubelet.sandbox("shop", "web-1", "10.1.0.7");
    let id = kubelet.container("shop", "web-1", "web", 0);
    kubelet.run(&id);
    let args = ["stats", "--interval", "100", "--output", "json"];
    let figure = |stats: &Value, name: &str| stats["stats"][0][name].as_u64().unwrap();
    // The container's program may still be starting its threads.
    let started = Instant::now();
    let (outside, inside) = loop {
        let outside = as_json(&daemon, &args[..3]);
        let inside = Elsewhere::new().run(&daemon, &args);
        if figure(&inside, "pids") == figure(&outside, "pids") {
            break (outside, inside);
        }
        assert!(started.elapsed() < TIMEOUT, "{outside} {inside}");
    };
    let memory = [&inside, &outside].map(|stats| figure(stats, "memory_working_set_bytes"));
    assert!(
        memory[0] > 0 && memory[0] < 3 * memory[1] && memory[1] < 3 * memory[0],
        "{memory:?}"
    );
}

#[test]
fn logs_are_read_across_rotation_and_followed() {
    let daemon = Daemon::start();
    let kubelet = Kubelet::new(&daemon);
    kubelet.sandbox("shop", "web-1", "10.1.0.7");
    kubelet.container("shop", "web-1", "web", 0);
    kubelet.container("shop", "web-1", "web", 1);
    append(
        &kubelet.log_path("shop", "web-1", "web", 0),
        &line(0, "stdout", "F", "the first start"),
    );
    let log = kubelet.log_path("shop", "web-1", "web", 1);
    let rotated = log.with_extension("log.20261122-153900");
    append(
        &rotated,
        &(line(1, "stdout", "F", "one") + &line(2, "stderr", "P", "two ")),
    );
    let zipped = Command::new("gzip").arg(&rotated).status().unwrap();
    assert!(zipped.success());
    append(
        &log,
        &(line(3, "stdout", "F", "three") + &line(4, "stderr", "F", "parts")),
    );

    assert_eq!(ok(&daemon, &["logs", "web-1"]), "one\nthree\ntwo parts\n");
    assert_eq!(
        ok(&daemon, &["logs", "web-1", "--tail", "1"]),
        "two parts\n"
    );
    assert_eq!(
        ok(
            &daemon,
            &["logs", "web-1", "--since", "2026-11-22T15:39:03Z"]
        ),
        "three\n"
    );
    assert_eq!(ok(&daemon, &["logs", "web-1", "--since", "1s"]), "");
    assert_eq!(
        ok(&daemon, &["logs", "web-1", "--previous"]),
        "the first start\n"
    );
    let text = ok(
        &daemon,
        &["logs", "web-1", "--tail", "1", "--output", "json"],
    );
    let last: Value = serde_json::from_str(&text).unwrap();
    let expected =
        json!({"stream": "stderr", "text": "two parts", "time": "2026-11-22T15:39:02.5Z"});
    assert_eq!(last, expected);

    let follow = || {
        Command::new(e2e::program("nodectl"))
            .args(["-k", "logs", "shop/web-1", "--follow", "--tail", "1"])
            .env("CONTAINERD_ADDRESS", daemon.socket())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut child = follow();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    assert_eq!(next(), "two parts");
    append(&log, &line(5, "stdout", "F", "five"));
    assert_eq!(next(), "five");
    fs::rename(&log, log.with_extension("log.20261122-154000")).unwrap();
    append(&log, &line(6, "stdout", "F", "six"));
    assert_eq!(next(), "six");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));

    // As with `| head -1`: it exits at the first line that nobody reads.
    let mut child = follow();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "six");
    drop(lines);
    append(&log, &line(7, "stdout", "F", "seven"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_stopped_sandbox_shows_neither_address_nor_memory() {
    let daemon = Daemon::start();
    let kubelet = Kubelet::new(&daemon);
    let stopped = kubelet.earlier_sandbox("shop", "web-1", "10.1.0.7");
    kubelet.sandbox("shop", "web-1", "10.1.0.8");
    kubelet.run(&kubelet.container("shop", "web-1", "web", 0));
    let pods = as_json(&daemon, &["pods"]);
    let of = |stopped_one: bool| {
        let mut pods = pods["pods"].as_array().unwrap().iter();
        pods.find(|pod| (pod["sandbox_id"] == *stopped) == stopped_one)
            .unwrap()
    };
    assert_eq!(of(true)["sandbox_state"], "exited", "{pods}");
    assert_eq!(
        (&of(true)["ip"], &of(true)["netns"]),
        (&json!(""), &json!(""))
    );
    assert_eq!(of(true)["memory_working_set_bytes"], 0, "its successor's");
    assert_eq!(of(false)["ip"], "10.1.0.8");
    assert!(
        of(false)["memory_working_set_bytes"].as_u64().unwrap() > 0,
        "{pods}"
    );
}

#[test]
fn an_exit_has_the_reason_that_the_kubelet_reports() {
    let daemon = Daemon::start();
    let kubelet = Kubelet::new(&daemon);
    kubelet.sandbox("shop", "web-1", "10.1.0.7");
    let cases = [
        ("done", 0, "", "Completed"),
        ("failed", 7, "", "Error"),
        ("killed", 137, "OOMKilled", "OOMKilled"),
    ];
    for (name, code, recorded, _) in cases {
        let id = kubelet.container("shop", "web-1", name, 0);
        kubelet.status(
            &id,
            &json!({"Version": "v1", "StartedAt": 1_795_361_998_942_244_259_i64,
                    "FinishedAt": 1_795_362_000_000_000_000_i64, "ExitCode": code,
                    "Reason": recorded, "Message": ""}),
        );
    }
    let waiting = kubelet.container("shop", "web-1", "waiting", 0);
    let ps = as_json(&daemon, &["ps"]);
    let of = |name: &str| {
        let mut containers = ps["containers"].as_array().unwrap().iter();
        containers.find(|one| one["name"] == name).unwrap()
    };
    for (name, code, _, reason) in cases {
        assert_eq!(
            (&of(name)["exit_code"], &of(name)["reason"]),
            (&json!(code), &json!(reason))
        );
    }
    assert_eq!(
        (&of("waiting")["id"], &of("waiting")["reason"]),
        (&json!(waiting), &json!(""))
    );
}

#[test]
fn an_oom_killed_child_is_a_problem_of_its_pod() {
    let daemon = Daemon::start();
    let kubelet = Kubelet::new(&daemon);
    kubelet.sandbox("shop", "web-1", "10.1.0.7");
    let pid = kubelet.run(&kubelet.container("shop", "web-1", "web", 0));
    assert_eq!(
        as_json(&daemon, &["pods"])["pods"][0]["problem"],
        Value::Null
    );
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let of = |prefix: &str| cgroups.lines().find_map(|line| line.split_once(prefix));
    let (group, limit) = match of(":memory:") {
        Some((_, path)) => (
            format!("/sys/fs/cgroup/memory{path}"),
            "memory.limit_in_bytes",
        ),
        None => (
            format!("/sys/fs/cgroup{}", of("0::").unwrap().1),
            "memory.max",
        ),
    };
    fs::write(Path::new(&group).join(limit), "16777216").unwrap();
    // `tail` buffers a whole line, and this one is endless.
    let grow = format!("echo $$ >{group}/cgroup.procs; exec tail -n 1 /dev/zero");
    let killed = Command::new("sh").args(["-c", &grow]).status().unwrap();
    assert!(!killed.success());
    let pods = as_json(&daemon, &["pods"]);
    assert_eq!(
        pods["pods"][0]["problem"], "web: OOM kills inside it: 1",
        "{pods}"
    );
    assert_eq!(
        pods["pods"][0]["containers"][0]["state"], "running",
        "{pods}"
    );
}

#[test]
fn a_stuck_shim_makes_its_own_pod_stuck_and_no_other() {
    let daemon = Daemon::start();
    let kubelet = Kubelet::new(&daemon);
    let sandbox = kubelet.sandbox("shop", "web-1", "10.1.0.7");
    let mut shims = vec![shim_of(&sandbox)];
    for name in ["web", "proxy"] {
        let pid = kubelet.run(&kubelet.container("shop", "web-1", name, 0));
        // The containers share a shim, except on a very slow machine: if containerd cannot connect to the
        // pod's shim within 100 ms, it starts another for the new container.
        let shim = shim_above(pid);
        if !shims.contains(&shim) {
            shims.push(shim);
        }
    }
    let send = |signal| {
        for shim in &shims {
            kill_process(*shim, signal).unwrap();
        }
    };
    kubelet.sandbox("shop", "web-2", "10.1.0.8");
    kubelet.run(&kubelet.container("shop", "web-2", "web", 0));
    send(Signal::STOP);
    let pods = run(&daemon, &["pods"]);
    let ps = run(&daemon, &["ps", "--output", "json"]);
    send(Signal::CONT);
    assert_eq!((pods.code, ps.code), (Some(0), Some(0)), "{pods:?} {ps:?}");
    let line = |pod: &str| pods.stdout.lines().find(|line| line.contains(pod)).unwrap();
    assert!(
        line("web-1").contains("stuck") && line("web-1").contains("shim does not answer"),
        "{}",
        pods.stdout
    );
    let healthy: Vec<_> = line("web-2").split_whitespace().collect();
    assert_eq!(healthy[..4], ["shop", "web-2", "1/1", "running"]);
    let ps: Value = serde_json::from_str(&ps.stdout).unwrap();
    let states: Vec<_> = ps["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["stuck", "stuck", "running"], "{ps}");
    let ps = as_json(&daemon, &["ps"]);
    let containers = ps["containers"].as_array().unwrap();
    assert!(
        containers.iter().all(|one| one["state"] == "running"),
        "it answers again: {ps}"
    );
}
