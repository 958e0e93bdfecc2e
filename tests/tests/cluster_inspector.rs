//! nodectl in a pod on the node of a real Kubernetes, by `k8s/node-inspector` and by `make node-ps`: with
//! the pod's few permissions it has to report the same as on the node itself. Needs the cluster that
//! `dev/cluster/run` starts on this machine.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::fs;

use e2e::cluster::{Cluster, local};
use serde_json::Value;

const NAMESPACE: &str = "node-inspector";

/// Its name for `kubectl exec`.
const DAEMONSET: &str = "daemonset/node-inspector";

/// The inspector on every node. Dropping it deletes its namespace.
struct Inspector<'a> {
    cluster: &'a Cluster,
}

impl<'a> Inspector<'a> {
    /// Applies it as docs/eks.md describes, changing only the paths of the node's files.
    fn apply(cluster: &'a Cluster) -> Self {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../k8s/node-inspector");
        let manifests = cluster.run(&["kustomize", folder]);
        let root = cluster.node_root();
        let moved = manifests
            .replace(": /var/", &format!(": {}/var/", root.display()))
            .replace(" path: /run/", &format!(" path: {}/run/", root.display()));
        cluster
            .kubectl
            .apply(&cluster.resolve(&moved), &[])
            .unwrap_or_else(|error| panic!("{error}"));
        let inspector = Self { cluster };
        let ready = ["rollout", "status", DAEMONSET, "--timeout=120s"];
        cluster.run(&[&ready[..], &["-n", NAMESPACE]].concat());
        inspector
    }

    /// What a command prints in its pod.
    fn exec(&self, command: &[&str]) -> String {
        let exec = ["exec", "-n", NAMESPACE, DAEMONSET, "--"];
        self.cluster.run(&[&exec[..], command].concat())
    }

    /// What `nodectl -k` prints in its pod.
    fn nodectl(&self, args: &[&str]) -> String {
        self.exec(&[&["nodectl", "-k"], args].concat())
    }

    /// Runs a pod that exits immediately with code 2.
    fn crash(&self) {
        let image = "-o=jsonpath={.spec.template.spec.containers[0].image}";
        let image = self
            .cluster
            .run(&["get", DAEMONSET, "-n", NAMESPACE, image]);
        self.cluster.run(&[
            "run",
            "crasher",
            "-n",
            NAMESPACE,
            "--restart=Never",
            &format!("--image={image}"),
            "--",
            "--no-such-flag",
        ]);
        self.cluster.run(&[
            "wait",
            "pod/crasher",
            "-n",
            NAMESPACE,
            "--for=jsonpath={.status.phase}=Failed",
            "--timeout=60s",
        ]);
    }
}

impl Drop for Inspector<'_> {
    fn drop(&mut self) {
        let _ = self
            .cluster
            .kubectl
            .run(&["delete", "namespace", NAMESPACE, "--timeout=60s"]);
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The value without the measurements, which differ between two calls.
fn without_figures(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| name != "memory_working_set_bytes" && name != "stats")
            .map(|(name, value)| (name, without_figures(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_figures).collect(),
        other => other,
    }
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn nodectl_shows_in_a_pod_what_it_shows_on_the_node() {
    let cluster = Cluster::connect();
    cluster.deploy(&local(), &[]).succeeded();
    cluster.wait_for_rollout();
    let inspector = Inspector::apply(&cluster);
    inspector.crash();
    let app = cluster.pods()[0]["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();

    // The kubelet may remove a container between the two calls.
    let same = |args: &[&str]| {
        let args = [args, &["-o", "json"]].concat();
        let looks = || {
            let there = without_figures(json(&inspector.nodectl(&args)));
            (there, without_figures(json(&cluster.nodectl(&args))))
        };
        let (there, here) = (0..3)
            .map(|_| looks())
            .find(|(there, here)| there == here)
            .unwrap_or_else(looks);
        assert_eq!(there, here);
        there
    };
    let ps = same(&["ps"]);
    let of = |pod: &str| {
        let mut all = ps["containers"].as_array().unwrap().iter();
        all.find(|container| container["pod"] == *pod).unwrap()
    };
    assert_eq!(of(&app)["state"], "running");
    let crashed = of("crasher");
    // Its task is gone: the exit code comes from the record on the node's disk.
    assert_eq!(
        (&crashed["state"], &crashed["exit_code"]),
        (&"exited".into(), &2.into())
    );
    same(&["pods"]);
    same(&["inspect", &app]);
    let inspected = same(&["inspect", "crasher"]);
    let words = inspected["containers"][0]["last_lines"].to_string();
    assert!(words.contains("--no-such-flag"), "{words}");

    let log = cluster.nodectl(&["logs", &app]);
    assert!(log.contains("listening"), "{log}");
    // More lines may have been written in between.
    assert!(inspector.nodectl(&["logs", &app]).starts_with(&log));

    let probe = "-o=jsonpath={.spec.template.spec.containers[0].livenessProbe.exec.command}";
    let probe = json(&cluster.run(&["get", DAEMONSET, "-n", NAMESPACE, probe]));
    let probe: Vec<_> = probe
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    assert!(inspector.exec(&probe).contains(&app));
}

/// Compared within a factor, since memory and CPU time change between two calls; a wrong cgroup or unit
/// is further off.
#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn nodectl_measures_in_a_pod_what_it_measures_on_the_node() {
    let cluster = Cluster::connect();
    cluster.deploy(&local(), &[]).succeeded();
    cluster.wait_for_rollout();
    let inspector = Inspector::apply(&cluster);
    let there = json(&inspector.nodectl(&["stats", "-o", "json"]));
    let here = json(&cluster.nodectl(&["stats", "-o", "json"]));
    let of = |stats: &Value, id: &Value| {
        let mut all = stats["stats"].as_array().unwrap().iter();
        all.find(|one| one["id"] == *id).cloned().unwrap()
    };
    let mut compared = 0;
    for one in here["stats"].as_array().unwrap() {
        let other = of(&there, &one["id"]);
        let memory = [one, &other].map(|one| one["memory_working_set_bytes"].as_u64().unwrap());
        assert!(
            memory[0] < 3 * memory[1] && memory[1] < 3 * memory[0],
            "{one}\n{other}"
        );
        let received = [one, &other].map(|one| one["network"]["rx_bytes"].as_u64().unwrap());
        assert!(
            received[0] < 3 * received[1] && received[1] < 3 * received[0],
            "{one}\n{other}"
        );
        assert!(other["cpu_millicores"].is_u64(), "{other}");
        assert!(other["pids"].as_u64().unwrap() > 0, "{other}");
        assert_eq!(other["memory_limit_bytes"], 128 << 20, "{other}");
        compared += 1;
    }
    assert_eq!(compared, 3 + 1, "{here}");
}

/// As the kernel enforces it, not as the manifest states it.
#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn the_inspector_has_no_privilege_besides_the_socket() {
    let cluster = Cluster::connect();
    let _inspector = Inspector::apply(&cluster);
    let pods = json(&cluster.nodectl(&["pods", "-o", "json"]));
    let pods = pods["pods"].as_array().unwrap();
    let own = pods
        .iter()
        .find(|pod| pod["namespace"] == NAMESPACE && pod["sandbox_state"] == "running")
        .unwrap();
    let process = format!("/proc/{}", own["containers"][0]["pid"]);
    let status = fs::read_to_string(format!("{process}/status")).unwrap();
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_start_matches(':').trim().to_owned()
    };
    for capabilities in ["CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb"] {
        assert_eq!(value(capabilities), "0".repeat(16), "{capabilities}");
    }
    assert_eq!(value("NoNewPrivs"), "1");
    // A filter is in force.
    assert_eq!(value("Seccomp"), "2");

    let own_network = fs::read_link(format!("{process}/ns/net")).unwrap();
    assert_ne!(own_network, fs::read_link("/proc/self/ns/net").unwrap());

    let root = cluster.node_root();
    let mounts = fs::read_to_string(format!("{process}/mountinfo")).unwrap();
    for (place, writable) in [
        ("/".to_owned(), false),
        ("/run/containerd/containerd.sock".to_owned(), false),
        (root.join("var/log/pods").display().to_string(), false),
        ("/sys/fs/cgroup".to_owned(), false),
        // The kubelet's own file, one for each container: a writable mount that has to be found.
        ("/dev/termination-log".to_owned(), true),
    ] {
        // The last mount on a mount point hides the earlier ones.
        let options = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .rfind(|fields| fields[4] == place)
            .unwrap_or_else(|| panic!("nothing is mounted on {place}:\n{mounts}"))[5]
            .to_owned();
        let found = options.split(',').next() == Some("rw");
        assert_eq!(found, writable, "{place}: {options}");
    }
    let places: Vec<_> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .collect();
    assert!(
        !places.iter().any(|place| place.contains("serviceaccount")),
        "{places:?}"
    );
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn make_node_ps_shows_a_node_and_deletes_its_pod() {
    let cluster = Cluster::connect();
    cluster.deploy(&local(), &[]).succeeded();
    cluster.wait_for_rollout();
    let node = cluster.run(&["get", "nodes", "-o=jsonpath={.items[0].metadata.name}"]);
    let node = format!("NODE={node}");

    let (shown, printed) = cluster.make("node-ps", &[&node]).succeeded();
    assert!(shown.starts_with("NAMESPACE "), "{shown}\n{printed}");
    assert!(
        shown.contains("\nkube-system  nodectl-"),
        "its own pod is one of them: {shown}"
    );
    let here = cluster.nodectl(&["ps"]);
    let ids = |text: &str| -> Vec<String> {
        let of = |line: &str| line.split_whitespace().rev().nth(1).map(str::to_owned);
        text.lines()
            .filter(|line| line.starts_with("rust-app"))
            .filter_map(of)
            .collect()
    };
    assert_eq!(ids(&shown), ids(&here));
    assert_eq!(ids(&shown).len(), 3, "{shown}");

    let pods = cluster.pods();
    let pod = pods[0]["metadata"]["name"].as_str().unwrap();
    let inspect = format!("ARGS=inspect {pod}");
    let (shown, _) = cluster.make("node-ps", &[&node, &inspect]).succeeded();
    assert!(
        shown.contains(pods[0]["metadata"]["uid"].as_str().unwrap()),
        "{shown}"
    );

    let refused = |settings: [&str; 2], message: &str| {
        let ran = cluster.make("node-ps", &settings);
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert!(all.contains(message), "{all}");
        // make reports the exit code of the recipe.
        assert!(all.contains("node-ps] Error 2"), "{all}");
    };
    refused(
        [&node, "ARGS=inspect nosuch"],
        "error: there is no pod `nosuch` on this node",
    );
    refused(
        [&node, "ARGS=down"],
        "error: `up`, `down` and `images` are not available with -k, which only reads",
    );
    // No shell interprets the arguments.
    refused([&node, "ARGS=inspect a;id"], "`a;id`");
    for (node, name) in [("NODE=nosuch", "nosuch"), ("NODE=", "")] {
        let error = format!("error: context rust-k8s-local has no node `{name}`");
        refused(
            [node, "ARGS=ps"],
            &format!("{error}\nhint: NODE= is one of: node-1\n"),
        );
    }
    let left = cluster.run(&["get", "pods", "-n", "kube-system", "-o=name"]);
    assert_eq!(left, "");
}
