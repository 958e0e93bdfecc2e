//! `make cluster-down` removes resources that outlive a stopped cluster. Needs root; the test runs in its
//! own network and mount namespaces.
#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::process::Command;

/// Creates the cluster's resources, a network namespace that only containerd's database names and sockets
/// of killed shims, beside those of other programs.
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

#[test]
fn namespaces_and_sockets_of_the_clusters_own_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = dir.path().join("cluster");
    let output = Command::new("unshare")
        .args(["--net", "--mount", "--propagation", "private"])
        .args(["bash", "-euc", SCRIPT])
        .env("CLUSTER_DIR", &cluster)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(
        stdout, "/run/containerd/s:\n0c\n\n/run/netns:\ncni-55555555-1111-2222-3333-444444444444\n",
        "{stderr}"
    );
    assert!(!cluster.exists());
}
