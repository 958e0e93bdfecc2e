//! `nodectl -k` reports the same as crictl and ctr, field by field, on pods of containerd's CRI plugin.
//! Needs root, a containerd with its shim, ctr and runc, crictl and rustc's musl target.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::time::{Duration, Instant};

use e2e::containerd::{Cri, CriPod, Daemon, IMAGE, Nodectl, PAUSE, shim_of};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

/// Bounds the waits; none of them takes long.
const TIMEOUT: Duration = Duration::from_mins(2);

/// How far the creation times of the CRI plugin and of containerd's record may be apart: both are taken
/// during one CRI call.
const CREATED_APART_SECONDS: i64 = 60;

fn nodectl(daemon: &Daemon, args: &[&str]) -> Value {
    let args = [&["-k"], args, &["--output", "json"]].concat();
    let outcome = Nodectl::run(daemon, &args);
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// The fields of a container that both programs report.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    id: String,
    name: String,
    pod: String,
    namespace: String,
    pod_uid: String,
    state: String,
    restarts: u64,
    image: String,
    exit_code: Option<u64>,
    pid: Option<u64>,
    reason: String,
    log_path: String,
    started_millis: Option<i64>,
    finished_millis: Option<i64>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn by_nodectl(container: &Value) -> Shown {
    Shown {
        id: text(&container["id"]),
        name: text(&container["name"]),
        pod: text(&container["pod"]),
        namespace: text(&container["namespace"]),
        pod_uid: text(&container["pod_uid"]),
        state: text(&container["state"]),
        restarts: container["restarts"].as_u64().unwrap(),
        image: text(&container["image"]),
        exit_code: container["exit_code"].as_u64(),
        pid: container["pid"].as_u64(),
        reason: text(&container["reason"]),
        log_path: text(&container["log_path"]),
        started_millis: container["started_unix_ms"].as_i64(),
        finished_millis: container["finished_unix_ms"].as_i64(),
    }
}

/// The milliseconds of a time as crictl prints it; `None` for Go's or CRI's zero time.
fn millis(time: &Value) -> Option<i64> {
    let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
    Some(time.as_millisecond()).filter(|millis| *millis > 0)
}

fn by_crictl(inspected: &Value) -> Shown {
    let status = &inspected["status"];
    let labels = &status["labels"];
    let state = match status["state"].as_str().unwrap() {
        "CONTAINER_CREATED" => "created",
        "CONTAINER_RUNNING" => "running",
        "CONTAINER_EXITED" => "exited",
        other => other,
    };
    let exited = state == "exited";
    Shown {
        id: text(&status["id"]),
        name: text(&status["metadata"]["name"]),
        pod: text(&labels["io.kubernetes.pod.name"]),
        namespace: text(&labels["io.kubernetes.pod.namespace"]),
        pod_uid: text(&labels["io.kubernetes.pod.uid"]),
        state: state.to_owned(),
        restarts: status["metadata"]["attempt"].as_u64().unwrap_or(0),
        image: text(&status["image"]["image"]),
        exit_code: exited.then(|| status["exitCode"].as_u64().unwrap_or(0)),
        pid: inspected["info"]["pid"]
            .as_u64()
            .filter(|pid| *pid > 0 && !exited),
        reason: text(&status["reason"]),
        log_path: text(&status["logPath"]),
        started_millis: millis(&status["startedAt"]),
        finished_millis: millis(&status["finishedAt"]),
    }
}

/// A pod with a container in every state that the CRI plugin knows.
fn pod_of_all_states(cri: &Cri, name: &str) -> (CriPod, Vec<String>) {
    let pod = cri.pod("shop", name);
    let ids = [
        ("waiting", 0, &[][..]),
        ("running", 2, &[]),
        ("completed", 0, &["exit", "0"]),
        ("failed", 5, &["exit", "7"]),
    ]
    .map(|(name, restarts, args)| {
        let id = cri.container(&pod, name, restarts, args);
        if name != "waiting" {
            cri.crictl(&["start", &id]);
        }
        id
    });
    (pod, ids.to_vec())
}

fn wait_for_state(cri: &Cri, id: &str, state: &str) {
    let began = Instant::now();
    while cri.json(&["inspect", id])["status"]["state"] != state {
        assert!(began.elapsed() < TIMEOUT, "{id} is not {state}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn sorted<T>(items: impl Iterator<Item = T>, key: impl Fn(&T) -> String) -> Vec<T> {
    let mut items: Vec<_> = items.collect();
    items.sort_by_key(key);
    items
}

#[test]
#[ignore = "needs crictl: `make test-containerd`"]
fn containers_are_reported_as_by_crictl_and_ctr() {
    let daemon = Daemon::start_with_cri(PAUSE);
    let cri = Cri::new(&daemon);
    let mut ids = Vec::new();
    for name in ["web-1", "web-2"] {
        ids.extend(pod_of_all_states(&cri, name).1);
    }
    for id in [&ids[2], &ids[3], &ids[6], &ids[7]] {
        wait_for_state(&cri, id, "CONTAINER_EXITED");
    }
    let ps = nodectl(&daemon, &["ps"]);
    let ours = ps["containers"].as_array().unwrap();
    let shown = sorted(ours.iter().map(by_nodectl), |one| one.id.clone());
    let listed = cri.json(&["ps", "--all"]);
    let listed = listed["containers"].as_array().unwrap();
    let inspected = listed
        .iter()
        .map(|one| cri.json(&["inspect", one["id"].as_str().unwrap()]));
    let expected = sorted(inspected.map(|one| by_crictl(&one)), |one| one.id.clone());
    assert_eq!(shown.len(), ids.len());
    assert_eq!(shown, expected);
    assert!(shown.iter().all(|one| one.image == IMAGE), "{shown:?}");

    for one in ours {
        let id = one["id"].as_str().unwrap();
        let mut all = listed.iter();
        let other = all.find(|other| other["id"] == *id).unwrap();
        // Nanoseconds, as a string.
        let created: i64 = other["createdAt"].as_str().unwrap().parse().unwrap();
        let apart = one["created_unix"].as_i64().unwrap() - created / 1_000_000_000;
        assert!(apart.abs() <= CREATED_APART_SECONDS, "{one}\n{other}");
        let pod = &one["pod_uid"];
        assert_eq!(&other["labels"]["io.kubernetes.pod.uid"], pod);
    }

    // ctr knows records and tasks, not pods.
    let records = daemon.ctr(&["-n", "k8s.io", "containers", "ls"]);
    let tasks = daemon.ctr(&["-n", "k8s.io", "tasks", "ls"]);
    let row = |table: &str, id: &str| -> Option<Vec<String>> {
        let mut lines = table.lines().map(str::split_whitespace);
        lines
            .find(|words| words.clone().next() == Some(id))
            .map(|words| words.map(str::to_owned).collect())
    };
    for one in &shown {
        let record = row(&records, &one.id).unwrap();
        assert_eq!(record[1], one.image, "{records}");
        let task = row(&tasks, &one.id);
        match one.pid {
            Some(pid) => assert_eq!(task.unwrap()[1..], [pid.to_string(), "RUNNING".to_owned()]),
            // The CRI plugin creates a container's task at its start, and deletes it at its exit.
            None => assert_eq!(task, None, "{tasks}"),
        }
    }
}

#[test]
#[ignore = "needs crictl: `make test-containerd`"]
fn pods_are_reported_as_by_crictl() {
    let daemon = Daemon::start_with_cri(PAUSE);
    let cri = Cri::new(&daemon);
    let running = cri.pod("shop", "web-1");
    let stopped = cri.pod("other", "web-2");
    cri.crictl(&["stopp", &stopped.id]);
    let pods = nodectl(&daemon, &["pods"]);
    let shown = |pod: &Value| {
        let state = match pod["sandbox_state"].as_str().unwrap() {
            "running" => "SANDBOX_READY",
            _ => "SANDBOX_NOTREADY",
        };
        [
            text(&pod["sandbox_id"]),
            text(&pod["name"]),
            text(&pod["namespace"]),
            text(&pod["uid"]),
            state.to_owned(),
            text(&pod["labels"]["app"]),
        ]
    };
    let ours = pods["pods"].as_array().unwrap().iter().map(shown);
    let listed = cri.json(&["pods"]);
    let listed = listed["items"].as_array().unwrap().iter().map(|pod| {
        let metadata = &pod["metadata"];
        [
            text(&pod["id"]),
            text(&metadata["name"]),
            text(&metadata["namespace"]),
            text(&metadata["uid"]),
            text(&pod["state"]),
            text(&pod["labels"]["app"]),
        ]
    });
    let key = |pod: &[String; 6]| pod[0].clone();
    let ours = sorted(ours, key);
    assert_eq!(ours, sorted(listed, key));
    assert_eq!(ours.len(), 2);
    let inspected = cri.json(&["inspectp", &running.id]);
    let mut pods = pods["pods"].as_array().unwrap().iter();
    let pod = pods.find(|pod| pod["sandbox_id"] == *running.id).unwrap();
    assert_eq!(pod["sandbox_pid"], inspected["info"]["pid"]);
}

#[test]
#[ignore = "needs crictl: `make test-containerd`"]
fn a_stuck_shim_is_noticed_where_crictl_shows_a_healthy_pod() {
    let daemon = Daemon::start_with_cri(PAUSE);
    let cri = Cri::new(&daemon);
    let stuck = cri.pod("shop", "web-1");
    let healthy = cri.pod("shop", "web-2");
    for (pod, name) in [(&stuck, "web"), (&stuck, "proxy"), (&healthy, "web")] {
        let id = cri.container(pod, name, 0, &[]);
        cri.crictl(&["start", &id]);
    }
    let shim = shim_of(&stuck.id);
    kill_process(shim, Signal::STOP).unwrap();
    let shown = Nodectl::run(&daemon, &["-k", "ps", "--output", "json"]);
    let pods = Nodectl::run(&daemon, &["-k", "pods", "--output", "json"]);
    let listed = cri.json(&["ps"]);
    kill_process(shim, Signal::CONT).unwrap();
    let states = |shown: &str, list: &str, state: &str| -> Vec<(String, String)> {
        let shown: Value = serde_json::from_str(shown).unwrap();
        let items = shown[list].as_array().unwrap().iter();
        let name = |one: &Value| {
            text(if list == "pods" {
                &one["name"]
            } else {
                &one["pod"]
            })
        };
        sorted(items.map(|one| (name(one), text(&one[state]))), |one| {
            one.0.clone()
        })
    };
    let pair = |pod: &str, state: &str| (pod.to_owned(), state.to_owned());
    let expected = [
        pair("web-1", "stuck"),
        pair("web-1", "stuck"),
        pair("web-2", "running"),
    ];
    assert_eq!(
        states(&shown.stdout, "containers", "state"),
        expected,
        "{}",
        shown.stderr
    );
    let expected = [pair("web-1", "stuck"), pair("web-2", "running")];
    assert_eq!(
        states(&pods.stdout, "pods", "sandbox_state"),
        expected,
        "{}",
        pods.stderr
    );
    let listed = listed["containers"].as_array().unwrap();
    assert_eq!(listed.len(), 3);
    assert!(
        listed
            .iter()
            .all(|one| one["state"] == json!("CONTAINER_RUNNING")),
        "crictl has it from the CRI plugin's memory: {listed:?}"
    );
    let after = nodectl(&daemon, &["ps"]);
    let containers = after["containers"].as_array().unwrap();
    assert!(
        containers.iter().all(|one| one["state"] == "running"),
        "{after}"
    );
}
