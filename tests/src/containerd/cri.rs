//! Pods that crictl creates through containerd's CRI plugin, as a kubelet does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{Daemon, Nodectl, image_layout};

/// The image of the sandboxes.
pub const PAUSE: &str = "registry.k8s.io/pause:3.6";

/// The image of the containers, with the program of the other tests.
pub const IMAGE: &str = "docker.io/library/pod:1";

/// CRI's `NamespaceMode` `NODE`: the host's network namespace, for which no CNI is needed.
const NODE: u8 = 2;

/// crictl on the `PATH`, for a daemon with the CRI plugin. Dropping it removes all pods.
#[derive(Debug)]
pub struct Cri<'a> {
    daemon: &'a Daemon,
}

/// A pod's sandbox.
#[derive(Debug)]
pub struct CriPod {
    /// Its ID.
    pub id: String,
    file: PathBuf,
    labels: Value,
}

impl<'a> Cri<'a> {
    /// Imports the images that the pods need.
    ///
    /// # Panics
    /// When an image cannot be created or imported.
    pub fn new(daemon: &'a Daemon) -> Self {
        let endpoint = format!("unix://{}", daemon.socket().display());
        let config =
            json!({"runtime-endpoint": endpoint, "image-endpoint": endpoint, "timeout": 60});
        // JSON is YAML.
        fs::write(config_of(daemon), config.to_string()).expect("the directory takes a file");
        let archive = daemon.path("pause.tar");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../dev/pause-image");
        run(Command::new(script).arg(&archive));
        daemon.ctr(&["-n", "k8s.io", "images", "import", &text(&archive)]);
        let layout = daemon.path("image");
        image_layout(&layout);
        let layout = format!("oci:{}", layout.display());
        let import = [
            "--namespace",
            "k8s.io",
            "images",
            "import",
            &layout,
            "--ref",
            IMAGE,
        ];
        let imported = Nodectl::run(daemon, &import);
        assert_eq!(imported.code, Some(0), "{}", imported.stderr);
        // Its containers run until the daemon is dropped.
        daemon.leaves_containers();
        Self { daemon }
    }

    /// Creates a pod in the network of this machine.
    ///
    /// # Panics
    /// When crictl fails.
    pub fn pod(&self, namespace: &str, name: &str) -> CriPod {
        let uid = format!("uid-of-{name}");
        let labels = json!({
            "app": "web",
            "io.kubernetes.pod.name": name,
            "io.kubernetes.pod.namespace": namespace,
            "io.kubernetes.pod.uid": uid,
        });
        let config = json!({
            "metadata": {"name": name, "namespace": namespace, "uid": uid, "attempt": 0},
            "log_directory": self.daemon.path("logs").join(name),
            "labels": labels,
            "linux": {
                "cgroup_parent": format!("/nodectl-{}/kubepods", self.daemon.instance()),
                "security_context": {"namespace_options": {"network": NODE}},
            },
        });
        let file = self.daemon.path(&format!("{name}.json"));
        fs::write(&file, config.to_string()).expect("the directory takes a file");
        CriPod {
            id: self.crictl(&["runp", &text(&file)]),
            file,
            labels,
        }
    }

    /// Creates a container that is not started, and returns its ID.
    ///
    /// # Panics
    /// When crictl fails.
    pub fn container(&self, pod: &CriPod, name: &str, restarts: u32, args: &[&str]) -> String {
        let mut labels = pod.labels.clone();
        labels["io.kubernetes.container.name"] = json!(name);
        let config = json!({
            "metadata": {"name": name, "attempt": restarts},
            "image": {"image": IMAGE, "user_specified_image": IMAGE},
            "args": args,
            "envs": [{"key": "PORT", "value": "0"}],
            "log_path": format!("{name}/{restarts}.log"),
            "labels": labels,
            "annotations": {"io.kubernetes.container.restartCount": restarts.to_string()},
            "linux": {},
        });
        let file = self.daemon.path("container.json");
        fs::write(&file, config.to_string()).expect("the directory takes a file");
        self.crictl(&["create", &pod.id, &text(&file), &text(&pod.file)])
    }

    /// What crictl prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn crictl(&self, args: &[&str]) -> String {
        run(Command::new("crictl")
            .arg("--config")
            .arg(config_of(self.daemon))
            .args(args))
    }

    /// What crictl prints as JSON.
    ///
    /// # Panics
    /// When it fails, or prints something else.
    pub fn json(&self, args: &[&str]) -> Value {
        // Go's flags come before arguments.
        let (command, rest) = args.split_at(1);
        let printed = self.crictl(&[command, &["--output", "json"], rest].concat());
        serde_json::from_str(&printed).expect("crictl prints JSON")
    }
}

impl Drop for Cri<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.crictl(&["rmp", "--all", "--force"]);
        }
    }
}

/// crictl's configuration: it takes none of this machine's, and does not warn that there is none.
fn config_of(daemon: &Daemon) -> PathBuf {
    daemon.path("crictl.yaml")
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn run(command: &mut Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
