//! Pods like those of a kubelet, created by crictl through the CRI plugin. They use the host network, so no
//! CNI is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::containerd::{Containerd, IMAGE, run};

/// CRI's number for the node's own namespace (`NamespaceMode`).
const NODE: u8 = 2;

/// The cgroup of all pods.
const CGROUP: &str = "bench-node";

/// crictl's configuration, beside containerd's.
const CONFIG: &str = "crictl.yaml";

/// The pods; dropping them removes them.
#[derive(Debug)]
pub(crate) struct Pods<'a> {
    containerd: &'a Containerd,
    crictl: &'a Path,
}

impl<'a> Pods<'a> {
    /// Creates and starts `pods` pods with `each` containers.
    pub(crate) fn create(
        containerd: &'a Containerd,
        crictl: &'a Path,
        pods: usize,
        each: usize,
    ) -> anyhow::Result<Self> {
        let all = Self { containerd, crictl };
        let endpoint = format!("unix://{}", containerd.socket().display());
        let config =
            json!({"runtime-endpoint": endpoint, "image-endpoint": endpoint, "timeout": 60});
        // JSON is YAML.
        all.write(CONFIG, &config)?;
        for number in 0..pods {
            let name = format!("web-{number}");
            let labels = json!({
                "io.kubernetes.pod.name": name,
                "io.kubernetes.pod.namespace": "bench",
                "io.kubernetes.pod.uid": format!("uid-{number}"),
            });
            let pod = json!({
                "metadata": {"name": name, "namespace": "bench", "uid": format!("uid-{number}"), "attempt": 0},
                "log_directory": containerd.path("logs").join(&name),
                "labels": labels,
                "linux": {
                    "cgroup_parent": format!("/{CGROUP}"),
                    "security_context": {"namespace_options": {"network": NODE}},
                },
            });
            let pod = all.write("pod.json", &pod)?;
            let sandbox = run(all.crictl().arg("runp").arg(&pod)).context("cannot create a pod")?;
            for container in 0..each {
                let name = format!("container-{container}");
                let mut labels = labels.clone();
                labels["io.kubernetes.container.name"] = json!(name);
                let container = json!({
                    "metadata": {"name": name, "attempt": 0},
                    "image": {"image": IMAGE, "user_specified_image": IMAGE},
                    "log_path": format!("{name}.log"),
                    "labels": labels,
                    "annotations": {"io.kubernetes.container.restartCount": "0"},
                    "linux": {},
                });
                let file = all.write("container.json", &container)?;
                let create = ["create", &sandbox];
                let id = run(all.crictl().args(create).arg(&file).arg(&pod))
                    .context("cannot create a container")?;
                run(all.crictl().args(["start", &id])).context("cannot start a container")?;
            }
        }
        Ok(all)
    }

    /// crictl, for this containerd.
    pub(crate) fn crictl(&self) -> Command {
        let mut command = Command::new(self.crictl);
        // crictl would warn of a missing /etc/crictl.yaml, or read an existing one.
        command.arg("--config").arg(self.containerd.path(CONFIG));
        command
    }

    fn write(&self, name: &str, document: &Value) -> anyhow::Result<PathBuf> {
        let file = self.containerd.path(name);
        fs::write(&file, document.to_string())
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }
}

impl Drop for Pods<'_> {
    fn drop(&mut self) {
        let _ = run(self.crictl().args(["rmp", "--all", "--force"]));
        // One cgroup per controller in version 1, a single one in version 2.
        let root = Path::new("/sys/fs/cgroup");
        let hierarchies = fs::read_dir(root).into_iter().flatten().flatten();
        let hierarchies = hierarchies.map(|entry| entry.path());
        for hierarchy in hierarchies.chain([root.to_owned()]) {
            let _ = fs::remove_dir(hierarchy.join(CGROUP));
        }
    }
}
