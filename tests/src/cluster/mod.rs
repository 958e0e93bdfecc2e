//! A Kubernetes cluster to test on, and the service on it. `dev/cluster/run` starts the cluster and
//! passes its context in the environment.

mod access;
mod balancers;
mod make;
mod node;
mod overlays;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lb_controller::with_hosts;
use crate::manifests::repository;
use crate::program;
use ship::Kubectl;

pub use overlays::{changed, drainless, local, patched};

/// The namespace of `k8s/base`.
pub const NAMESPACE: &str = "rust-app";
const DEPLOYMENT: &str = "deployment/rust-app";
const SERVICE: &str = "rust-app-service";
/// The label that the pods carry.
pub const SELECTOR: &str = "app.kubernetes.io/name=rust-app";
/// Longer than any step takes on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(5);

/// One cluster, one service on it: tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// The image that was built, by digest.
static IMAGE: OnceLock<String> = OnceLock::new();

/// The cluster, for one test at a time.
#[derive(Debug)]
pub struct Cluster {
    /// kubectl with its context.
    pub kubectl: Kubectl,
    /// Arguments of `ship deploy` for the source of the image.
    source: Vec<String>,
    /// What the programs see as `/etc/hosts`, if not the machine's own.
    hosts: Option<PathBuf>,
    /// The programs' kubeconfig, if not the tests' own.
    kubeconfig: Option<PathBuf>,
    _turn: MutexGuard<'static, ()>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the edge: settings from dev/cluster/run"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Arguments of imagebuilder and ship for the registry and the platform.
fn registry() -> Vec<String> {
    let repo = variable("REPO").expect("`dev/cluster/run` sets REPO");
    let platform = variable("PLATFORM").unwrap_or_else(|| "linux/amd64".to_owned());
    let mut args = vec!["--repo".to_owned(), repo, "--platform".to_owned(), platform];
    args.extend(
        variable("CA_FILE")
            .into_iter()
            .flat_map(|ca| ["--ca-file".to_owned(), ca]),
    );
    args
}

/// The image named by the environment, or else the service's, built and pushed but not deployed.
fn image() -> String {
    variable("E2E_IMAGE").unwrap_or_else(|| build_image(&[]))
}

fn build_image(args: &[&str]) -> String {
    let mut imagebuilder = Command::new(program("imagebuilder"));
    imagebuilder
        .args(["build", "app"])
        .args(registry())
        .args(args)
        .current_dir(repository());
    let (image, _) = Deployed::of(&mut imagebuilder).succeeded();
    image.trim_end().to_owned()
}

impl Cluster {
    /// Waits for its turn and finds the cluster.
    ///
    /// # Panics
    /// When the environment names no cluster, or the cluster does not answer.
    pub fn connect() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let context = variable("CONTEXT").expect("`dev/cluster/run` sets CONTEXT; run `make e2e`");
        let kubectl = Kubectl::on(Some(&context)).unwrap_or_else(|error| panic!("{error}"));
        // An image that is already in a registry, or one that is built and pushed.
        let source = if let Some(image) = variable("E2E_IMAGE") {
            vec!["--image".to_owned(), image]
        } else {
            let imagebuilder = program("imagebuilder").display().to_string();
            [registry(), vec!["--imagebuilder".to_owned(), imagebuilder]].concat()
        };
        Self {
            kubectl,
            source,
            hosts: None,
            kubeconfig: None,
            _turn: turn,
        }
    }

    /// The same cluster, through an API server that reports its version as Amazon EKS does.
    ///
    /// # Panics
    /// As [`Cluster::connect`], and when that API server does not start.
    pub fn connect_as_eks() -> Self {
        let mut cluster = Self::connect();
        cluster.state();
        Deployed::of(&mut Command::new(repository().join("dev/cluster/eks-api"))).succeeded();
        let kubectl = Kubectl::on(Some("rust-k8s-eks"));
        cluster.kubectl = kubectl.unwrap_or_else(|error| panic!("{error}"));
        cluster
    }

    /// Lets the programs resolve the names in a hosts file.
    pub fn set_hosts(&mut self, hosts: &Path) {
        self.hosts = Some(hosts.to_owned());
    }

    /// A program that resolves the cluster's names.
    fn command(&self, program: &Path) -> Command {
        let mut command = match &self.hosts {
            Some(hosts) => with_hosts(hosts, program),
            None => Command::new(program),
        };
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        command
    }

    /// Runs `ship deploy` from the sources, as `make deploy` does.
    pub fn build_and_deploy(&self, overlay: &Path, args: &[&str]) -> Deployed {
        Deployed::of(self.ship("deploy", overlay).args(&self.source).args(args))
    }

    /// Runs `ship deploy` with the image that was built from the sources, once for all tests.
    pub fn deploy(&self, overlay: &Path, args: &[&str]) -> Deployed {
        let image = IMAGE.get_or_init(image);
        self.deploy_image(overlay, image, args)
    }

    /// Runs `ship deploy` with another image.
    pub fn deploy_image(&self, overlay: &Path, image: &str, args: &[&str]) -> Deployed {
        Deployed::of(
            self.ship("deploy", overlay)
                .args(["--image", image])
                .args(args),
        )
    }

    /// Builds and pushes a version of the service: the same program, with a different digest for each
    /// creation time, in seconds since 1970.
    pub fn version(&self, created: &str) -> String {
        build_image(&["--source-date-epoch", created])
    }

    fn ship(&self, command: &str, overlay: &Path) -> Command {
        let mut ship = self.command(&program("ship"));
        ship.current_dir(repository());
        ship.args([command, "--context", self.kubectl.context(), "--overlay"])
            .arg(overlay);
        ship
    }

    /// Waits until a condition holds.
    ///
    /// # Panics
    /// When it takes too long.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < TIMEOUT, "timed out waiting until {what}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Removes the service if it is deployed.
    ///
    /// # Panics
    /// When that fails.
    pub fn undeploy(&self) {
        self.undeploy_overlay(&local());
    }

    /// Removes what was deployed with an overlay.
    ///
    /// # Panics
    /// When that fails.
    pub fn undeploy_overlay(&self, overlay: &Path) {
        self.kill_draining(NAMESPACE);
        let output = self
            .ship("undeploy", overlay)
            .arg("--delete-data")
            .output()
            .unwrap_or_else(|e| panic!("{e}"));
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// What kubectl prints.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, args: &[&str]) -> String {
        self.kubectl
            .run(args)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Whether kubectl succeeds, or its error.
    ///
    /// # Errors
    /// What kubectl reports.
    pub fn accepts(&self, args: &[&str]) -> Result<(), String> {
        let outcome = self.kubectl.run(args);
        outcome.map(drop).map_err(|error| error.to_string())
    }

    /// The pods that are not being deleted, as objects.
    ///
    /// # Panics
    /// When kubectl fails.
    pub fn pods(&self) -> Vec<Value> {
        let list = self
            .kubectl
            .json(&["get", "pods", "-n", NAMESPACE, "-l", SELECTOR]);
        let list = list.unwrap_or_else(|error| panic!("{error}"));
        let pods = list["items"].as_array().cloned().unwrap_or_default();
        pods.into_iter()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .collect()
    }

    /// The pods' UIDs, sorted: they differ once pods were replaced.
    pub fn identities(&self) -> Vec<String> {
        let mut ids: Vec<_> = self
            .pods()
            .iter()
            .map(|pod| pod["metadata"]["uid"].to_string())
            .collect();
        ids.sort();
        ids
    }

    /// A field of the Deployment, by JSON path.
    pub fn field(&self, path: &str) -> String {
        let output = format!("-o=jsonpath={{{path}}}");
        self.run(&["get", DEPLOYMENT, "-n", NAMESPACE, &output])
    }

    /// The load balancer's address.
    ///
    /// # Panics
    /// When it has none.
    pub fn address(&self) -> SocketAddr {
        let path = "-o=jsonpath={.status.loadBalancer.ingress[0].ip}";
        let ip = self.run(&["get", "service", SERVICE, "-n", NAMESPACE, path]);
        format!("{ip}:80")
            .parse()
            .unwrap_or_else(|_| panic!("`{ip}` is not an IP address"))
    }

    /// The load balancer's host name.
    pub fn host(&self, kind: &str, name: &str) -> String {
        let path = "-o=jsonpath={.status.loadBalancer.ingress[0].hostname}";
        self.run(&["get", kind, name, "-n", NAMESPACE, path])
    }

    /// Replaces all pods, and waits until the old ones are gone.
    pub fn restart(&self) {
        self.run(&["rollout", "restart", DEPLOYMENT, "-n", NAMESPACE]);
        self.wait_for_rollout();
    }

    /// Scales the Deployment, and waits until the rollout is complete.
    pub fn scale(&self, pods: u32) {
        let replicas = format!("--replicas={pods}");
        self.run(&["scale", DEPLOYMENT, &replicas, "-n", NAMESPACE]);
        self.wait_for_rollout();
    }

    /// Deletes a pod, and waits until it is replaced.
    ///
    /// # Panics
    /// When there is none.
    pub fn delete_a_pod(&self) {
        let pods = self.pods();
        let name = pods
            .first()
            .and_then(|pod| pod["metadata"]["name"].as_str());
        self.run(&[
            "delete",
            "pod",
            name.expect("there are pods"),
            "-n",
            NAMESPACE,
            "--wait=false",
        ]);
        self.wait_for_rollout();
    }

    /// Waits until the rollout is complete and no pod is terminating: terminating pods still serve.
    ///
    /// # Panics
    /// When that takes too long.
    pub fn wait_for_rollout(&self) {
        let timeout = format!("--timeout={}s", TIMEOUT.as_secs());
        self.run(&["rollout", "status", DEPLOYMENT, "-n", NAMESPACE, &timeout]);
        let leaving = "-o=jsonpath={.items[?(@.metadata.deletionTimestamp)].metadata.name}";
        let began = Instant::now();
        while !self
            .run(&["get", "pods", "-n", NAMESPACE, leaving])
            .is_empty()
        {
            assert!(began.elapsed() < TIMEOUT, "pods are still terminating");
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

/// The outcome of a command that deploys.
#[derive(Debug)]
pub struct Deployed {
    /// The exit code.
    pub code: Option<i32>,
    /// The URL.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Deployed {
    fn of(command: &mut Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .output()
            .unwrap_or_else(|error| panic!("cannot run ship: {error}"));
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: status.code(),
            stdout: text(&stdout),
            stderr: text(&stderr),
        }
    }

    /// Its standard output and its standard error, when it succeeded.
    ///
    /// # Panics
    /// With its standard error, unless it succeeded.
    #[track_caller]
    pub fn succeeded(self) -> (String, String) {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        (self.stdout, self.stderr)
    }
}
