//! The node of the cluster in `dev/cluster`, which is this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::environment::{registry, variable};
use super::{Cluster, Deployed};
use crate::manifests::repository;
use crate::program;

impl Cluster {
    /// Where the cluster of `dev/cluster` keeps its files.
    ///
    /// # Panics
    /// When it is another cluster, whose node is not this machine.
    pub fn state(&self) -> PathBuf {
        variable("CLUSTER_DIR")
            .expect("this test needs the cluster of dev/cluster/up")
            .into()
    }

    /// The root of its node's files, which have the paths of any node below it.
    ///
    /// # Panics
    /// As [`Cluster::state`].
    pub fn node_root(&self) -> PathBuf {
        variable("NODE_ROOT")
            .expect("this test needs the cluster of dev/cluster/up")
            .into()
    }

    /// Kills the containers of a namespace's terminating pods, if the node is this machine. The
    /// kubelet does not shorten a grace period once it has begun, and a drain for an NLB takes minutes.
    pub fn kill_draining(&self, namespace: &str) {
        let Some(root) = variable("NODE_ROOT") else {
            return;
        };
        let terminating = "-o=jsonpath={range .items[?(@.metadata.deletionTimestamp)]}\
                           {.status.containerStatuses[0].containerID}{\"\\n\"}{end}";
        let containers = self.run(&["get", "pods", "-n", namespace, terminating]);
        for id in containers
            .lines()
            .filter_map(|id| id.strip_prefix("containerd://"))
        {
            // One that has just stopped needs no signal.
            let _ = Command::new("ctr")
                .arg("--address")
                .arg(Path::new(&root).join("run/containerd/containerd.sock"))
                .args(["-n", "k8s.io", "tasks", "kill", "--signal", "9", id])
                .output();
        }
    }

    /// What `nodectl -k` prints on the node itself.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn nodectl(&self, args: &[&str]) -> String {
        let socket = self.node_root().join("run/containerd/containerd.sock");
        let mut nodectl = Command::new(program("nodectl"));
        nodectl.args(["-k", "--address"]).arg(socket).args(args);
        Deployed::of(&mut nodectl).succeeded().0
    }

    /// Resolves manifests: imagebuilder builds and pushes the images that they name.
    ///
    /// # Panics
    /// When it cannot.
    pub fn resolve(&self, manifests: &str) -> String {
        let mut imagebuilder = Command::new(program("imagebuilder"));
        imagebuilder
            .args(["resolve", "-f", "-"])
            .args(registry())
            .current_dir(repository());
        let output = test_programs::output_with_input(&mut imagebuilder, manifests);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        String::from_utf8(output.stdout).expect("imagebuilder prints UTF-8")
    }
}
