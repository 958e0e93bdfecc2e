//! The cluster of the environment, for one test at a time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ship::Kubectl;

use super::deployed::Deployed;
use super::environment::{registry, variable};
use crate::lb_controller::with_hosts;
use crate::manifests::repository;
use crate::program;

/// One cluster, one service on it: tests take turns.
static TURN: Mutex<()> = Mutex::new(());

/// The cluster, for one test at a time.
#[derive(Debug)]
pub struct Cluster {
    /// kubectl with its context.
    pub kubectl: Kubectl,
    /// Arguments of `ship deploy` for the source of the image.
    pub(super) source: Vec<String>,
    /// What the programs see as `/etc/hosts`, if not the machine's own.
    hosts: Option<PathBuf>,
    /// The programs' kubeconfig, if not the tests' own.
    pub(super) kubeconfig: Option<PathBuf>,
    _turn: MutexGuard<'static, ()>,
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
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = match &self.hosts {
            Some(hosts) => with_hosts(hosts, program),
            None => Command::new(program),
        };
        if let Some(kubeconfig) = &self.kubeconfig {
            command.env("KUBECONFIG", kubeconfig);
        }
        command
    }
}
