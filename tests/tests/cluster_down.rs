//! `make cluster-down` removes everything: resources that outlive a stopped cluster, containers whose shims do
//! not answer, and terminating pods. Needs root: two tests run in their own namespaces, the last removes and
//! restarts the cluster that `dev/cluster/run` starts.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use e2e::cluster::Cluster;
use e2e::manifests::repository;
use serde_json::{Value, json};

/// Creates the cluster's resources (a network namespace that only containerd's database names, and
/// sockets of killed shims) beside those of other programs.
const SCRIPT: &str = r#"
mkdir -p /run/netns /run/containerd/s /var/lib/cni
for directory in /run/netns /run/containerd/s /var/lib/cni; do mount -t tmpfs tmpfs "$directory"; done
ours=cni-00000000-1111-2222-3333-444444444444
others=cni-55555555-1111-2222-3333-444444444444
for name in $ours $others; do touch /run/netns/$name; unshare --net=/run/netns/$name true; done
metadata=$CLUSTER_DIR/node/var/lib/containerd/io.containerd.metadata.v1.bolt
mkdir -p "$metadata"
printf '\0\377{"type":"network","path":"/var/run/netns/%s"}\0' $ours >"$metadata/meta.db"
task=$CLUSTER_DIR/containerd/state/io.containerd.runtime.v2.task/k8s.io
mkdir -p "$task/old" "$task/new"
touch /run/containerd/s/0a /run/containerd/s/0b /run/containerd/s/0c
printf unix:///run/containerd/s/0a >"$task/old/address"
printf '{"version":3,"address":"unix:///run/containerd/s/0b","protocol":"ttrpc"}' >"$task/new/bootstrap.json"
dev/cluster/down
ls /run/netns /run/containerd/s
ls -d "$CLUSTER_DIR" || :
"#;

/// Stops the shim of a running container like a cluster's, in a PID namespace that lasts as long as the
/// script. `down` finds only those processes.
const STUCK: &str = r#"
mkdir -p "$CLUSTER_DIR"/run "$CLUSTER_DIR"/logs /run/containerd
mount -t tmpfs tmpfs /run/containerd
mkdir /run/containerd/s
source dev/cluster/lib.sh
cat >"$dir/containerd.toml" <<TOML
version = 2
root = "$node_root/var/lib/containerd"
state = "$dir/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$socket"
[plugins."io.containerd.internal.v1.opt"]
path = "$dir/containerd/opt"
TOML
start containerd containerd --config "$dir/containerd.toml"
wait_for_process containerd 60 ctr --address "$socket" version
dev/pause-image "$dir/pause.tar"
ctr --address "$socket" -n k8s.io images import "$dir/pause.tar" >/dev/null
group=cluster-down-$$
for name in healthy stuck; do
    ctr --address "$socket" -n k8s.io run -d --cgroup "/$group/$name" registry.k8s.io/pause:3.6 "$name"
done
for shim in $(pgrep -x containerd-shim); do
    ! tr '\0' ' ' <"/proc/$shim/cmdline" | grep -q -- '-id stuck ' || kill -STOP "$shim"
done
# A limit against a hang.
timeout 120 dev/cluster/down || echo "down failed"
pgrep -fa "$dir/" || :
ls /run/containerd/s
ls -d "$dir" || :
pkill -KILL -x pause || :
wait_for 10 eval '! pgrep -x pause'
find /sys/fs/cgroup -depth -type d -path "*/$group*" -exec rmdir {} \;
"#;

/// Runs a script with a cluster's directory in namespaces of its own, and returns what it printed on both streams.
/// Asserts that the directory is gone afterwards.
fn run(script: &str, namespaces: &[&str]) -> (String, String) {
    // A socket's path has at most 107 bytes.
    let dir = tempfile::Builder::new()
        .prefix("cd")
        .tempdir_in("/tmp")
        .unwrap();
    let cluster = dir.path().join("cluster");
    let output = Command::new("unshare")
        .args(["--net", "--mount", "--propagation", "private"])
        .args(namespaces)
        .args(["bash", "-euc", script])
        .env("CLUSTER_DIR", &cluster)
        .current_dir(repository())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    assert!(!cluster.exists());
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    (stdout, stderr)
}

#[test]
fn a_container_whose_shim_does_not_answer_is_removed() {
    let processes = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let (stdout, stderr) = run(STUCK, &processes);
    assert_eq!(stdout, "", "{stderr}");
}

#[test]
fn namespaces_and_sockets_of_the_clusters_own_are_removed() {
    let (stdout, stderr) = run(SCRIPT, &[]);
    assert_eq!(
        stdout, "/run/containerd/s:\n0c\n\n/run/netns:\ncni-55555555-1111-2222-3333-444444444444\n",
        "{stderr}"
    );
}

/// Pods that take an hour to terminate. The image is on every node of dev/cluster.
const PODS: [&str; 3] = ["terminating", "stuck", "stuck-terminating"];

fn pods() -> Value {
    let pod = |name: &&str| {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "terminationGracePeriodSeconds": 3600,
                "containers": [{
                    "name": "main",
                    "image": "registry.k8s.io/pause:3.6",
                    "imagePullPolicy": "Never",
                    "lifecycle": {"preStop": {"sleep": {"seconds": 3600}}},
                }],
            },
        })
    };
    json!({"apiVersion": "v1", "kind": "List", "items": PODS.iter().map(pod).collect::<Vec<_>>()})
}

/// A cluster that was removed. Dropping this starts it again, for the tests that run afterwards.
struct Removed<'a> {
    directory: &'a Path,
}

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let started = script_of(self.directory, "up");
        assert!(
            std::thread::panicking() || started.status.success(),
            "{started:?}"
        );
    }
}

/// Runs a script of `dev/cluster`, for at most ten minutes.
fn script_of(directory: &Path, name: &str) -> Output {
    Command::new("timeout")
        .arg("600")
        .arg(repository().join("dev/cluster").join(name))
        .env("CLUSTER_DIR", directory)
        .output()
        .unwrap()
}

/// What exists of a cluster in `directory`, whose pods have these network namespaces and whose shims have
/// these sockets. Each line begins with the kind of resource.
fn resources(directory: &Path, namespaces: &[String], sockets: &[String]) -> BTreeSet<String> {
    let inside = format!("{}/", directory.display());
    let mut found = BTreeSet::new();
    for process in fs::read_dir("/proc").unwrap() {
        let process = process.unwrap().path();
        let read = |name: &str| fs::read(process.join(name)).unwrap_or_default();
        let words = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let cgroups = read("cgroup");
        // The pods of a cluster with its own namespaces are below that cluster's cgroup.
        let is_in_pod = String::from_utf8_lossy(&cgroups)
            .lines()
            .filter_map(|line| line.splitn(3, ':').nth(2))
            .any(|cgroup| cgroup.starts_with("/kubepods"));
        if is_in_pod || words.contains(&inside) {
            found.insert(format!("process {}: {words}", process.display()));
        }
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    for target in mounts.lines().filter_map(|line| line.split(' ').nth(4)) {
        if target.starts_with(&inside) || namespaces.iter().any(|path| path.ends_with(target)) {
            found.insert(format!("mount {target}"));
        }
    }
    let links = ["kube-node0", "kube-pods0"].map(|name| format!("/sys/class/net/{name}"));
    let groups = ["kubepods", "memory/kubepods", "pids/kubepods"];
    let groups = groups.map(|name| format!("/sys/fs/cgroup/{name}"));
    for (kind, paths) in [
        ("namespace", namespaces),
        ("socket", sockets),
        ("link", &links),
        ("cgroup", &groups),
        ("directory", &[directory.display().to_string()]),
    ] {
        let existing = paths.iter().filter(|path| Path::new(path).exists());
        found.extend(existing.map(|path| format!("{kind} {path}")));
    }
    found
}

/// The sockets in the bundles of the cluster's tasks.
fn sockets(directory: &Path) -> Vec<String> {
    let bundles = directory.join("containerd/state/io.containerd.runtime.v2.task/k8s.io");
    let bundles = fs::read_dir(bundles).unwrap();
    let addresses =
        bundles.map(|bundle| fs::read_to_string(bundle.unwrap().path().join("address")));
    let addresses = addresses.map(|address| address.unwrap());
    addresses
        .map(|address| address.trim_start_matches("unix://").to_owned())
        .collect()
}

/// Stops the shim of a process with SIGSTOP: the parent of a sandbox's first process.
fn stop_shim(pid: &Value) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mut lines = status.lines();
    let parent = lines.find_map(|line| line.strip_prefix("PPid:")).unwrap();
    let parent = parent.trim();
    assert_ne!(parent, "1");
    let status = Command::new("kill").args(["-STOP", parent]).status();
    assert!(status.unwrap().success());
}

#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn nothing_is_left_of_terminating_pods_and_stuck_shims() {
    let cluster = Cluster::connect();
    let directory = cluster.state();
    cluster.kubectl.apply(&pods().to_string(), &[]).unwrap();
    for pod in PODS {
        let pod = format!("pod/{pod}");
        cluster.run(&["wait", &pod, "--for=condition=Ready", "--timeout=120s"]);
    }
    let shown: Value = serde_json::from_str(&cluster.nodectl(&["pods", "-o", "json"])).unwrap();
    let of_pod = |name: &str| {
        let mut all = shown["pods"].as_array().unwrap().iter();
        all.find(|pod| pod["name"] == name).unwrap()
    };
    let namespaces = PODS.map(|name| of_pod(name)["netns"].as_str().unwrap().to_owned());
    for name in ["stuck", "stuck-terminating"] {
        stop_shim(&of_pod(name)["sandbox_pid"]);
    }
    for name in ["terminating", "stuck-terminating"] {
        cluster.run(&["delete", "pod", name, "--wait=false"]);
    }
    let sockets = sockets(&directory);
    let before = resources(&directory, &namespaces, &sockets);
    for kind in ["process", "mount", "namespace", "socket", "link", "cgroup"] {
        let kind_exists = before.iter().any(|line| line.starts_with(kind));
        assert!(kind_exists, "no {kind} in {before:#?}");
    }

    let _restart = Removed {
        directory: &directory,
    };
    let removed = script_of(&directory, "down");

    assert!(removed.status.success(), "{removed:?}");
    let after = resources(&directory, &namespaces, &sockets);
    assert_eq!(after, BTreeSet::new(), "{removed:?}");
}
