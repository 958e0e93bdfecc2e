//! `make cluster-down` removes resources that outlive a stopped cluster, and containers whose shims do not
//! answer. Needs root; the tests run in their own namespaces.
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

/// Stops the shim of a running container, as a cluster's, in a namespace for processes that ends with the
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

#[test]
fn a_container_whose_shim_does_not_answer_is_removed() {
    let dir = tempfile::Builder::new()
        .prefix("cd")
        .tempdir_in("/tmp")
        .unwrap();
    let cluster = dir.path().join("cluster");
    let output = Command::new("unshare")
        .args(["--net", "--mount", "--propagation", "private"])
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["bash", "-euc", STUCK])
        .env("CLUSTER_DIR", &cluster)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{stderr}");
    assert!(!cluster.exists());
}

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
