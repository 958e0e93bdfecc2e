//! `bench node`.

use std::path::PathBuf;

use cli::Printer;

use crate::node::{self, results::Results};

#[derive(Debug, clap::Args)]
pub(super) struct NodeArguments {
    /// nodectl's release binary
    #[arg(long, value_name = "FILE")]
    nodectl: PathBuf,
    /// crictl; containerd, its shim, ctr and runc are those on PATH
    #[arg(long, value_name = "FILE")]
    crictl: PathBuf,
    /// An archive with an image named `registry.k8s.io/pause:3.6`, whose program only waits
    #[arg(long, value_name = "FILE")]
    pause_image: PathBuf,
    /// Pods
    #[arg(long, default_value_t = 35)]
    pods: u16,
    /// Containers of each pod
    #[arg(long, default_value_t = 2)]
    containers: u16,
    /// Rounds of each pair of commands
    #[arg(long, default_value_t = 41, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
}

impl NodeArguments {
    pub(super) fn measure(self, root: PathBuf, printer: Printer) -> anyhow::Result<Results> {
        let inputs = node::Inputs {
            root,
            nodectl: self.nodectl,
            crictl: self.crictl,
            image: self.pause_image,
            pods: self.pods.into(),
            containers: self.containers.into(),
            rounds: self.rounds.into(),
        };
        node::run(&inputs, printer)
    }
}
