//! `nodectl -k` on the node of a real Kubernetes: it reads only containerd and the node's files, and has
//! to report the same as kubectl and the kubelet. Needs the cluster that `dev/cluster/run` starts on this
//! machine.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::BTreeMap;
use std::process::Command;

use e2e::cluster::{Cluster, NAMESPACE, local};
use serde_json::Value;
use ship::under_load;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The fields of a pod that both report.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    namespace: String,
    ip: String,
    container: String,
    state: String,
    restarts: u64,
    image: String,
    digest: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn by_kubectl(pod: &Value) -> (String, Listed) {
    let container = &pod["status"]["containerStatuses"][0];
    let state = container["state"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap();
    let printed = Listed {
        namespace: text(&pod["metadata"]["namespace"]),
        ip: text(&pod["status"]["podIP"]),
        container: text(&container["name"]),
        state: state.clone(),
        restarts: container["restartCount"].as_u64().unwrap(),
        image: text(&pod["spec"]["containers"][0]["image"]),
        digest: text(&container["imageID"])
            .rsplit('@')
            .next()
            .unwrap()
            .to_owned(),
    };
    (text(&pod["metadata"]["name"]), printed)
}

fn by_nodectl(pod: &Value) -> (String, Listed) {
    let container = pod["containers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|container| container["current"] == true)
        .unwrap();
    let printed = Listed {
        namespace: text(&pod["namespace"]),
        ip: text(&pod["ip"]),
        container: text(&container["name"]),
        state: text(&container["state"]),
        restarts: container["restarts"].as_u64().unwrap(),
        image: text(&container["image"]),
        digest: text(&container["image_digest"]),
    };
    (text(&pod["name"]), printed)
}

/// One container is killed first, so that there is a restart to report.
#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn nodectl_reports_the_same_pods_as_kubectl() {
    let cluster = Cluster::connect();
    cluster.deploy(&local(), &[]).succeeded();
    let pods = json(&cluster.nodectl(&["pods", "-o", "json"]));
    let running = pods["pods"]
        .as_array()
        .unwrap()
        .iter()
        .find(|pod| pod["sandbox_state"] == "running");
    let pid = running.unwrap()["containers"][0]["pid"].as_u64().unwrap();
    let killed = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    cluster.wait_until("a restart is counted", || {
        cluster.pods().iter().any(|pod| {
            let container = &pod["status"]["containerStatuses"][0];
            container["restartCount"] == 1 && container["ready"] == true
        })
    });

    let kubectl: BTreeMap<_, _> = cluster.pods().iter().map(by_kubectl).collect();
    let pods = json(&cluster.nodectl(&["pods", "-o", "json"]));
    let nodectl: BTreeMap<_, _> = pods["pods"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|pod| pod["namespace"] == NAMESPACE && pod["sandbox_state"] == "running")
        .map(by_nodectl)
        .collect();
    assert_eq!(nodectl, kubectl);
    assert_eq!(
        nodectl
            .values()
            .filter(|printed| printed.restarts == 1)
            .count(),
        1
    );
}

/// Memory changes between two calls, so it is compared within a factor; a wrong cgroup or unit is further
/// off than that.
#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn nodectl_measures_what_the_kubelet_measures() {
    let cluster = Cluster::connect();
    cluster.deploy(&local(), &[]).succeeded();
    let node = cluster.run(&["get", "nodes", "-o=jsonpath={.items[0].metadata.name}"]);
    let path = format!("/api/v1/nodes/{node}/proxy/stats/summary");
    let names: Vec<_> = cluster
        .pods()
        .iter()
        .map(|pod| text(&pod["metadata"]["name"]))
        .collect();
    // The kubelet samples about every ten seconds, and has no figures of younger pods.
    let mut kubelet = BTreeMap::new();
    cluster.wait_until("the kubelet has sampled every pod", || {
        let summary = json(&cluster.run(&["get", "--raw", &path]));
        kubelet = summary["pods"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|pod| {
                let memory = pod["containers"][0]["memory"]["workingSetBytes"].as_u64()?;
                Some((text(&pod["podRef"]["name"]), memory))
            })
            .collect();
        names.iter().all(|name| kubelet.contains_key(name))
    });
    let stats = json(&cluster.nodectl(&["stats", "-o", "json"]));
    let stats = stats["stats"].as_array().unwrap();
    for name in names {
        let own = stats
            .iter()
            .find(|one| one["pod"] == *name)
            .unwrap_or_else(|| panic!("no {name}"));
        let memory = own["memory_working_set_bytes"].as_u64().unwrap();
        let theirs = kubelet[&name];
        assert!(
            memory < 3 * theirs && theirs < 3 * memory,
            "{name}: {memory}, kubelet: {theirs}"
        );
        assert_eq!(own["memory_limit_bytes"], 128 << 20, "{name}");
    }
}

/// The kubelet rotates at 1 MiB here. kubectl shows only the newest file; nodectl begins with the rotated
/// ones.
#[test]
#[ignore = "needs a Kubernetes: make e2e"]
fn nodectl_shows_the_log_that_kubectl_shows_and_the_rotated_files() {
    let cluster = Cluster::connect();
    cluster.deploy(&local(), &[]).succeeded();
    // New pods, so that no file of their logs has been deleted yet.
    cluster.restart();
    let pod = text(&cluster.pods()[0]["metadata"]["name"]);
    let logs = cluster.node_root().join("var/log/pods");
    let folder = std::fs::read_dir(logs)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains(&pod))
        .unwrap()
        .join("rust-app");
    under_load(cluster.address(), 2500, |_| {
        cluster.wait_until("the log has been rotated", || {
            std::fs::read_dir(&folder).unwrap().count() > 1
        });
    })
    .unwrap();

    let theirs = cluster.run(&["logs", &pod, "-n", NAMESPACE]);
    let own = cluster.nodectl(&["logs", &pod]);
    assert!(
        own.lines().next().unwrap().contains("listening"),
        "the beginning of the log is missing"
    );
    // Not compared by assert_eq!, which would print megabytes.
    let at = own
        .find(&theirs)
        .expect("kubectl shows lines that nodectl does not");
    assert!(at > 0, "nodectl does not show the rotated files");
    assert!(own[..at].ends_with('\n'));

    let inspected = json(&cluster.nodectl(&["inspect", &pod, "-o", "json"]));
    let uid = cluster.run(&[
        "get",
        "pod",
        &pod,
        "-n",
        NAMESPACE,
        "-o=jsonpath={.metadata.uid}",
    ]);
    assert!(inspected.to_string().contains(&uid), "{inspected}");
}
