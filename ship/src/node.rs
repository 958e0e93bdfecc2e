//! `ship node` inspects the containers on a node: runs `nodectl -k ARGS` in a pod on that node, and deletes
//! the pod.
//!
//! The pod is created here instead of by `kubectl debug node/…`, whose pods are not deleted, share the
//! node's network, and mount its whole file system writable.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cli::{Exit, Printer};
use serde_json::{Value, json};

use crate::args::Node;
use crate::error::{NodeError, ShipError};
use crate::image;
use crate::kubectl::Kubectl;

const NAMESPACE: &str = "kube-system";
/// How long the node may take to pull the image and start the container.
const START_TIMEOUT: Duration = Duration::from_mins(2);
/// How long the kubelet may take to report the exit code after the log has ended.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_millis(500);

/// A pod that is deleted when this is dropped.
struct NodePod<'a> {
    kubectl: &'a Kubectl,
    node: &'a str,
    name: String,
}

/// The command. Its exit code is nodectl's.
pub(crate) fn run(printer: Printer, args: &Node) -> Result<Exit, ShipError> {
    let kubectl = args.context.kubectl()?;
    let known = kubectl.run(&["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"])?;
    let known: Vec<_> = known.split_whitespace().map(str::to_owned).collect();
    if !known.contains(&args.name) {
        return Err(NodeError::Unknown {
            context: kubectl.context().to_owned(),
            node: args.name.clone(),
            known,
        }
        .into());
    }
    let template = read(&args.manifest)?;
    let image = image::build(printer, "nodectl", &args.source)?;
    // Unique among concurrent calls: the hasher's keys are random.
    let name = format!(
        "nodectl-{:016x}",
        RandomState::new().build_hasher().finish()
    );
    let pod = filled_in(template, &name, &image, args);
    let command = args.args.join(" ");
    printer.status(&format!(
        "Running nodectl -k {command} on {}, in pod {name} of {NAMESPACE}",
        args.name
    ));
    let node_pod = NodePod {
        kubectl: &kubectl,
        node: &args.name,
        name,
    };
    kubectl.apply_objects(&[pod], &[])?;
    node_pod.wait_until_started()?;
    kubectl.pass_through(&["logs", "--follow", &node_pod.name, "-n", NAMESPACE])?;
    node_pod.exit()
}

fn read(path: &PathBuf) -> Result<Value, NodeError> {
    let text = std::fs::read_to_string(path).map_err(|source| NodeError::Read {
        path: path.clone(),
        source,
    })?;
    serde_saphyr::from_str(&text).map_err(|source| NodeError::Yaml {
        path: path.clone(),
        source,
    })
}

/// The pod of `k8s/node-inspector/pod.yaml` for one node.
fn filled_in(mut pod: Value, name: &str, image: &str, args: &Node) -> Value {
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["namespace"] = json!(NAMESPACE);
    pod["spec"]["nodeName"] = json!(args.name);
    let container = &mut pod["spec"]["containers"][0];
    container["image"] = json!(image);
    let mut arguments = vec!["-k".to_owned()];
    arguments.extend(args.args.iter().cloned());
    container["args"] = json!(arguments);
    let below = |path: &mut Value| {
        if let Value::String(path) = path
            && !path.starts_with("/sys/")
        {
            path.insert_str(0, &args.root);
        }
    };
    // The socket is mounted at nodectl's default path; records and logs at the paths that containerd
    // uses on that node.
    for mount in container["volumeMounts"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        if mount["name"] != "socket" {
            below(&mut mount["mountPath"]);
        }
    }
    for volume in pod["spec"]["volumes"].as_array_mut().into_iter().flatten() {
        below(&mut volume["hostPath"]["path"]);
    }
    pod
}

impl NodePod<'_> {
    fn status(&self) -> Result<Value, ShipError> {
        let pod = self
            .kubectl
            .json(&["get", "pod", &self.name, "-n", NAMESPACE])?;
        Ok(pod["status"].clone())
    }

    fn wait_until_started(&self) -> Result<(), ShipError> {
        let began = Instant::now();
        loop {
            let status = self.status()?;
            if status["phase"] != "Pending" {
                return Ok(());
            }
            let waiting = &status["containerStatuses"][0]["state"]["waiting"];
            let text = |field: &str| waiting[field].as_str().unwrap_or_default().to_owned();
            let reason = text("reason");
            if cannot_start(&reason) {
                return Err(NodeError::CannotStart {
                    node: self.node.to_owned(),
                    reason,
                    message: text("message"),
                }
                .into());
            }
            if began.elapsed() >= START_TIMEOUT {
                return Err(NodeError::NotStarted {
                    node: self.node.to_owned(),
                    after: START_TIMEOUT,
                }
                .into());
            }
            std::thread::sleep(INTERVAL);
        }
    }

    /// nodectl's exit code, which the kubelet reports a moment after the log has ended.
    fn exit(&self) -> Result<Exit, ShipError> {
        let began = Instant::now();
        while began.elapsed() < EXIT_TIMEOUT {
            let status = self.status()?;
            let code = &status["containerStatuses"][0]["state"]["terminated"]["exitCode"];
            if let Some(code) = code.as_u64() {
                return Ok(Exit::from_code(code));
            }
            std::thread::sleep(INTERVAL);
        }
        Err(NodeError::NoExitCode {
            node: self.node.to_owned(),
        }
        .into())
    }
}

impl Drop for NodePod<'_> {
    fn drop(&mut self) {
        let args = ["delete", "pod", &self.name, "-n", NAMESPACE];
        let _ = self
            .kubectl
            .run(&[&args[..], &["--ignore-not-found", "--now"]].concat());
    }
}

/// Whether a waiting reason is permanent.
fn cannot_start(reason: &str) -> bool {
    reason.ends_with("BackOff")
        || reason.starts_with("Invalid")
        || (reason.starts_with("CreateContainer") && reason.ends_with("Error"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    const IMAGE: &str = "r/nodectl@sha256:\
        0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn the_pod_is_filled_in_from_its_manifest() {
        let line = ["ship", "node", "n1", "--image", IMAGE, "--node-root", "/n"];
        let Command::Node(args) =
            Cli::parse_from([&line[..], &["inspect", "a b"]].concat()).command
        else {
            panic!("`ship node` is parsed as another command")
        };
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../k8s/node-inspector/pod.yaml"
        );
        let template = read(&PathBuf::from(path)).unwrap();
        let pod = filled_in(template, "p", IMAGE, &args);
        assert_eq!(pod["metadata"]["name"], "p");
        assert_eq!(pod["spec"]["nodeName"], "n1");
        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["args"], json!(["-k", "inspect", "a b"]));
        assert_eq!(container["image"], IMAGE);
        assert_eq!(
            container["volumeMounts"][0]["mountPath"],
            "/run/containerd/containerd.sock"
        );
        assert_eq!(container["volumeMounts"][2]["mountPath"], "/n/var/log/pods");
        let volumes = &pod["spec"]["volumes"];
        assert_eq!(
            volumes[0]["hostPath"]["path"],
            "/n/run/containerd/containerd.sock"
        );
        assert_eq!(volumes[3]["hostPath"]["path"], "/sys/fs/cgroup");
        assert!(!pod.to_string().contains("REPLACED"), "{pod}");
    }

    #[test]
    fn permanent_reasons_are_distinguished_from_transient_ones() {
        for reason in [
            "ImagePullBackOff",
            "CreateContainerConfigError",
            "InvalidImageName",
        ] {
            assert!(cannot_start(reason), "{reason}");
        }
        for reason in ["", "ContainerCreating", "ErrImagePull"] {
            assert!(!cannot_start(reason), "{reason}");
        }
    }
}
