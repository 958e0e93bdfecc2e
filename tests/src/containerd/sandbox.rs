//! Sandboxes in containerd's sandbox store, as its CRI plugin records those that a runtime's shim runs
//! without a container of their own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use containerd_client::services::v1::sandbox::controller_client::ControllerClient;
use containerd_client::services::v1::sandbox::store_client::StoreClient;
use containerd_client::services::v1::sandbox::{
    ControllerCreateRequest, ControllerStartRequest, StoreCreateRequest,
};
use containerd_client::tonic::transport::Channel;
use containerd_client::tonic::{Code, Request};
use containerd_client::types::{Sandbox, sandbox::Runtime};
use nodectl::containerd::any_json;
use serde_json::json;

use super::Daemon;
use super::fixture::fixture;

/// The sandbox controller that delegates to a runtime's shim.
const CONTROLLER: &str = "shim";

/// A sandbox that its shim runs.
#[derive(Clone, Copy, Debug)]
pub struct RunningSandbox {
    /// Its process.
    pub pid: u32,
    /// The creation time that containerd recorded, in seconds since 1970.
    pub created_unix: i64,
}

/// Creates sandboxes in `k8s.io`.
#[derive(Debug)]
pub struct Sandboxes {
    channel: Channel,
    runtime: tokio::runtime::Runtime,
    shim: PathBuf,
}

impl Sandboxes {
    /// Connects to that daemon, with the shim of `fixtures/sandbox_shim.rs`.
    ///
    /// # Panics
    /// When the daemon does not answer, or the shim cannot be compiled.
    pub fn new(daemon: &Daemon) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime can be created");
        let channel = runtime
            .block_on(containerd_client::connect(daemon.socket()))
            .expect("containerd answers");
        // containerd derives the runtime's name from this one.
        let shim = daemon.path("containerd-shim-fixture-v1");
        if !fs::exists(&shim).expect("the directory can be read") {
            symlink(fixture("sandbox_shim"), &shim).expect("the directory takes a link");
        }
        Self {
            channel,
            runtime,
            shim,
        }
    }

    /// Records a pod's sandbox. Returns the creation time that containerd sets, in seconds since 1970, or
    /// `None` if it has no sandbox store (before 1.7).
    ///
    /// # Panics
    /// When containerd refuses it for another reason.
    pub fn record(&self, id: &str, namespace: &str, pod: &str, ip: &str) -> Option<i64> {
        let request = StoreCreateRequest {
            sandbox: Some(self.sandbox(id, namespace, pod, ip)),
        };
        let mut store = StoreClient::new(self.channel.clone());
        match self.runtime.block_on(store.create(of_kubelet(request))) {
            Ok(stored) => {
                let stored = stored.into_inner().sandbox.expect("it was stored");
                Some(stored.created_at.expect("a record has a time").seconds)
            }
            Err(status) if status.code() == Code::Unimplemented => None,
            Err(status) => panic!("{status}"),
        }
    }

    /// Records a pod's sandbox and starts it; its process is its shim.
    ///
    /// # Panics
    /// When containerd refuses it.
    pub fn start(&self, id: &str, namespace: &str, pod: &str, ip: &str) -> RunningSandbox {
        let created_unix = self
            .record(id, namespace, pod, ip)
            .expect("there is a store");
        let mut controller = ControllerClient::new(self.channel.clone());
        let create = ControllerCreateRequest {
            sandbox_id: id.to_owned(),
            sandbox: Some(self.sandbox(id, namespace, pod, ip)),
            sandboxer: CONTROLLER.to_owned(),
            ..ControllerCreateRequest::default()
        };
        let start = ControllerStartRequest {
            sandbox_id: id.to_owned(),
            sandboxer: CONTROLLER.to_owned(),
        };
        let pid = self.runtime.block_on(async {
            let created = controller.create(of_kubelet(create)).await;
            created.unwrap_or_else(|status| panic!("{status}"));
            let started = controller.start(of_kubelet(start)).await;
            let started = started.unwrap_or_else(|status| panic!("{status}"));
            started.into_inner().pid
        });
        RunningSandbox { pid, created_unix }
    }

    fn sandbox(&self, id: &str, namespace: &str, pod: &str, ip: &str) -> Sandbox {
        let metadata = json!({"Version": "v1", "Metadata": {
            "ID": id,
            "Config": {
                "metadata": {"name": pod, "uid": format!("uid-of-{pod}"), "namespace": namespace},
                "labels": {"app": "web"},
            },
            "NetNSPath": format!("/var/run/netns/cni-{pod}"),
            "IP": ip,
        }});
        let url = "github.com/containerd/cri/pkg/store/sandbox/Metadata";
        let metadata = any_json(url, &metadata).expect("metadata is JSON");
        Sandbox {
            sandbox_id: id.to_owned(),
            runtime: Some(Runtime {
                name: self.shim.display().to_string(),
                options: None,
            }),
            sandboxer: CONTROLLER.to_owned(),
            extensions: [("io.cri-containerd.sandbox.metadata".to_owned(), metadata)].into(),
            ..Sandbox::default()
        }
    }
}

fn of_kubelet<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let namespace = "k8s.io".parse().expect("the name is ASCII");
    request
        .metadata_mut()
        .insert("containerd-namespace", namespace);
    request
}
