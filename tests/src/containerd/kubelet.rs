//! Containers like a kubelet's, created without one: the same records, labels, logs and status files,
//! and one shim for each pod, on a private containerd.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use nodectl::containerd::{Containerd, NewContainer, any_json};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Daemon, pod_program};

/// Creates containers in `k8s.io`. Each runs the program of the other tests.
#[derive(Debug)]
pub struct Kubelet<'a> {
    daemon: &'a Daemon,
    client: Containerd,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Kubelet<'a> {
    /// Connects to that daemon.
    ///
    /// # Panics
    /// When the daemon does not answer.
    pub fn new(daemon: &'a Daemon) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be created");
        let client = runtime
            .block_on(Containerd::connect(&daemon.socket(), "k8s.io"))
            .expect("containerd answers");
        // Its containers run until the daemon is dropped.
        daemon.leaves_containers();
        Self {
            daemon,
            client,
            runtime,
        }
    }

    /// A running sandbox of a pod; returns its ID.
    ///
    /// # Panics
    /// When containerd refuses it.
    pub fn sandbox(&self, namespace: &str, pod: &str, ip: &str) -> String {
        self.sandbox_of(self.sandbox_id(pod), namespace, pod, ip)
    }

    /// An earlier, stopped sandbox of the pod; returns its ID.
    ///
    /// # Panics
    /// When containerd refuses it.
    pub fn earlier_sandbox(&self, namespace: &str, pod: &str, ip: &str) -> String {
        let id = self.sandbox_of(self.id(&format!("earlier-{pod}")), namespace, pod, ip);
        self.runtime.block_on(async {
            let kill = self.client.kill_task(&id, Signal::KILL.as_raw(), true);
            kill.await.expect("a task can be killed");
            let exited = self.client.wait_task(&id).await;
            exited.expect("a killed task exits");
            let delete = self.client.delete_task(&id);
            delete.await.expect("a stopped task can be deleted");
        });
        id
    }

    fn sandbox_of(&self, id: String, namespace: &str, pod: &str, ip: &str) -> String {
        let metadata = json!({
            "ID": id,
            "Config": {
                "metadata": {"name": pod, "uid": uid(pod), "namespace": namespace},
                "log_directory": self.log_dir(namespace, pod),
                "labels": {"app": "web", "io.kubernetes.pod.name": pod},
            },
            "NetNSPath": format!("/var/run/netns/cni-{pod}"),
            "IP": ip,
            "AdditionalIPs": null,
        });
        self.create(&id, "sandbox", namespace, pod, None, &metadata);
        self.run(&id);
        id
    }

    /// A container of a pod, not started; returns its ID.
    ///
    /// # Panics
    /// When containerd refuses it.
    pub fn container(&self, namespace: &str, pod: &str, name: &str, attempt: u32) -> String {
        let id = self.id(&format!("{pod}-{name}-{attempt}"));
        let metadata = json!({
            "ID": id,
            "SandboxID": self.sandbox_id(pod),
            "Config": {
                "metadata": {"name": name, "attempt": attempt},
                "annotations": {"io.kubernetes.container.restartCount": attempt.to_string()},
            },
            "LogPath": self.log_path(namespace, pod, name, attempt),
        });
        self.create(&id, "container", namespace, pod, Some(name), &metadata);
        let log = self.log_path(namespace, pod, name, attempt);
        let dir = log.parent().expect("the log is in a directory");
        fs::create_dir_all(dir).expect("the directory can be created");
        id
    }

    fn sandbox_id(&self, pod: &str) -> String {
        self.id(&format!("sandbox-{pod}"))
    }

    /// runc keeps the state of all daemons' containers in one place, by ID.
    fn id(&self, name: &str) -> String {
        format!("{}-{name}", self.daemon.instance())
    }

    fn create(
        &self,
        id: &str,
        kind: &str,
        namespace: &str,
        pod: &str,
        container: Option<&str>,
        metadata: &Value,
    ) {
        let mut labels = BTreeMap::from(
            [
                ("io.cri-containerd.kind", kind.to_owned()),
                ("io.kubernetes.pod.name", pod.to_owned()),
                ("io.kubernetes.pod.namespace", namespace.to_owned()),
                ("io.kubernetes.pod.uid", uid(pod)),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        labels.extend(
            container.map(|name| ("io.kubernetes.container.name".to_owned(), name.to_owned())),
        );
        // One for each container: runc populates /dev in it, and fails on one that is already populated.
        let group = metadata["SandboxID"].as_str().unwrap_or(id);
        let rootfs = self.daemon.path("rootfs").join(id);
        fs::create_dir_all(&rootfs).expect("the directory can be created");
        test_programs::copy(pod_program(), &rootfs.join("pod"));
        let spec = json!({
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 0, "gid": 0}, "args": ["/pod"], "cwd": "/", "env": ["PORT=0"]},
            "root": {"path": rootfs},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                 "options": ["nosuid", "mode=755", "size=65536k"]},
            ],
            // As the CRI plugin groups them: the sandbox's shim runs all containers of a pod.
            "annotations": {"io.containerd.runc.v2.group": group},
            "linux": {
                "cgroupsPath": format!("/nodectl-{}/kubepods/{id}", self.daemon.instance()),
                "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "network"}],
            },
        });
        let document = json!({"Version": "v1", "Metadata": metadata});
        let name = format!("io.cri-containerd.{kind}.metadata");
        let url = format!("github.com/containerd/cri/pkg/store/{kind}/Metadata");
        let new = NewContainer {
            id: id.to_owned(),
            image: "registry.example/web:1".to_owned(),
            labels,
            spec_json: serde_json::to_vec(&spec).expect("the spec is JSON"),
            extensions: vec![(name, any_json(&url, &document).expect("metadata is JSON"))],
        };
        self.runtime
            .block_on(self.client.create_container(new))
            .expect("containerd takes it");
    }

    /// Runs a container and returns its process.
    ///
    /// # Panics
    /// When containerd cannot run it.
    pub fn run(&self, id: &str) -> u32 {
        let log = format!("file://{}", self.daemon.path("output").display());
        self.runtime.block_on(async {
            let pid = self
                .client
                .create_task(id, Vec::new(), &log)
                .await
                .expect("a task can be created");
            self.client
                .start_task(id)
                .await
                .expect("a task can be started");
            pid
        })
    }

    /// Writes the status file that the CRI plugin keeps for a container.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn status(&self, id: &str, status: &Value) {
        let dir = self
            .daemon
            .path("root/io.containerd.grpc.v1.cri/containers")
            .join(id);
        fs::create_dir_all(&dir).expect("the directory can be created");
        fs::write(dir.join("status"), status.to_string()).expect("the file can be written");
    }

    /// The directory of a pod's logs.
    pub fn log_dir(&self, namespace: &str, pod: &str) -> PathBuf {
        self.daemon
            .path("logs")
            .join(format!("{namespace}_{pod}_{}", uid(pod)))
    }

    /// The file of a container's log.
    pub fn log_path(&self, namespace: &str, pod: &str, name: &str, attempt: u32) -> PathBuf {
        self.log_dir(namespace, pod)
            .join(name)
            .join(format!("{attempt}.log"))
    }
}

fn uid(pod: &str) -> String {
    format!("uid-of-{pod}")
}
