//! The arguments.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::app::AppArguments;
use super::balancer::BalancerArguments;
use super::image::ImageArguments;
use super::node::NodeArguments;
use super::registry::RegistryArguments;
use super::rollout::RolloutArguments;

/// Measures the programs beside their peers.
#[derive(Debug, Parser)]
#[command(version)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    /// The checkout: results go to `bench/results`, the document to `docs`
    #[arg(long, global = true, default_value = ".", value_name = "DIR")]
    pub(super) root: PathBuf,
    /// Write the results and the document to this directory instead of the checkout
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Measure the service, write its results, and write the document
    App(AppArguments),
    /// Measure pushes to a registry, write their results, and write the document
    Registry(RegistryArguments),
    /// Measure packing files into images, write its results, and write the document
    Image(ImageArguments),
    /// Measure `nodectl` on a node, write its results, and write the document
    Node(NodeArguments),
    /// Measure the load balancer of `nodectl up`, write its results, and write the document
    Balancer(BalancerArguments),
    /// Measure rollouts behind AWS's load balancers, write their results, and write the document
    Rollout(RolloutArguments),
    /// Write docs/benchmarks.md from the results
    Document,
}
