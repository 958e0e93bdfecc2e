//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::customize::Changes;
use crate::image_name::{Image, Prefix};
use crate::kubectl::{Kubectl, KubectlError};

/// Deploys the service to a Kubernetes cluster, tests it there and removes it.
#[derive(Debug, Parser)]
#[command(name = "ship", version, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check in seconds whether a cluster has what a deploy needs.
    Preflight(Preflight),
    /// Build, push, apply by digest, wait, and test; print the URL.
    Deploy(Deploy),
    /// Print the complete manifests, with images by digest, for Argo CD, Flux or `kubectl apply`.
    Render(Render),
    /// Print what a deploy would change.
    Diff(Diff),
    /// Test the service: at a URL, or at the overlay's load balancer.
    Smoke(Smoke),
    /// Restart, scale and delete pods under load, and count the requests that fail.
    RolloutTest(RolloutTest),
    /// Show the objects, the images and the recent warnings.
    Status(Cluster),
    /// Print the URL.
    Url(Cluster),
    /// Run `nodectl -k` in a pod on a node.
    Node(Node),
    /// Delete the deployment, its load balancer first.
    Undeploy(Undeploy),
}

/// The cluster.
#[derive(Clone, Debug, Args)]
pub(super) struct Context {
    /// The context of the kubeconfig. There is no default: the current context may be an unexpected
    /// cluster.
    #[arg(long, env = "CONTEXT", value_name = "NAME")]
    context: Option<String>,
}

impl Context {
    /// kubectl with this context.
    pub(super) fn kubectl(&self) -> Result<Kubectl, KubectlError> {
        Kubectl::on(self.context.as_deref())
    }
}

/// The cluster, and the deployment on it.
#[derive(Clone, Debug, Args)]
pub(super) struct Cluster {
    #[command(flatten)]
    pub(super) context: Context,
    #[command(flatten)]
    pub(super) overlay: Overlay,
}

/// The manifests, and the changes to them.
#[derive(Clone, Debug, Args)]
pub(super) struct Overlay {
    /// The folder with the kustomization.
    #[arg(
        long = "overlay",
        env = "OVERLAY_DIR",
        value_name = "DIR",
        default_value = "k8s/overlays/eks"
    )]
    pub(super) folder: PathBuf,
    /// Components to add, of those that the overlay's kustomization lists. Can be repeated.
    #[arg(long = "component", value_name = "NAME", value_delimiter = ',')]
    pub(super) components: Vec<String>,
    #[command(flatten)]
    pub(super) changes: Changes,
}

#[derive(Debug, Args)]
pub(super) struct Preflight {
    #[command(flatten)]
    pub(super) cluster: Cluster,
    #[command(flatten)]
    pub(super) destination: Destination,
}

#[derive(Debug, Args)]
pub(super) struct Deploy {
    #[command(flatten)]
    pub(super) cluster: Cluster,
    #[command(flatten)]
    pub(super) source: Source,
    /// The longest time that the rollout may go without progress. It also fails after the Deployment's
    /// progressDeadlineSeconds.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub(super) timeout: Duration,
    /// How long the load balancer may take to get its address and to answer.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub(super) balancer_timeout: Duration,
    /// Certificates of the CA that signed the service's certificate, in PEM format.
    #[arg(long, value_name = "FILE")]
    pub(super) service_ca: Option<PathBuf>,
    /// Where the test sends its requests from: by default a pod if the load balancer is internal.
    #[arg(long, value_name = "PLACE")]
    pub(super) test_from: Option<TestFrom>,
    /// Do not roll back a rollout that did not complete.
    #[arg(long)]
    pub(super) no_rollback: bool,
}

/// Where a test sends its requests from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TestFrom {
    /// This machine.
    Here,
    /// A pod in the deployment's namespace.
    Cluster,
}

#[derive(Debug, Args)]
pub(super) struct Render {
    #[command(flatten)]
    pub(super) overlay: Overlay,
    #[command(flatten)]
    pub(super) source: Source,
    /// Write them atomically to this file instead of printing them. Missing parent folders are created.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Diff {
    #[command(flatten)]
    pub(super) cluster: Cluster,
    #[command(flatten)]
    pub(super) source: Source,
}

/// Where the image is, or is pushed to.
#[derive(Debug, Args)]
pub(super) struct Destination {
    /// Registry and prefix to push images to, such as registry.example/team.
    #[arg(long, value_name = "PREFIX", conflicts_with = "image")]
    pub(super) repo: Option<Prefix>,
    /// The cluster's region. Without --repo and --image, images are pushed to ECR in this region, in the
    /// account of the AWS credentials in use.
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<String>,
    /// Use this image, by digest, instead of building one.
    #[arg(long, value_name = "NAME@DIGEST")]
    pub(super) image: Option<Image>,
}

/// The source of the image.
#[derive(Debug, Args)]
pub(super) struct Source {
    #[command(flatten)]
    pub(super) destination: Destination,
    /// The platforms of the nodes.
    #[arg(
        long,
        value_name = "OS/ARCH",
        default_value = "linux/amd64,linux/arm64"
    )]
    pub(super) platform: String,
    /// Certificates of the CA that signed the registry's certificate, in PEM format.
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// The imagebuilder to run.
    #[arg(long, value_name = "PATH", default_value = "imagebuilder")]
    pub(super) imagebuilder: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Smoke {
    /// The service's URL; by default that of the overlay's load balancer.
    #[arg(value_name = "URL")]
    pub(super) url: Option<String>,
    #[command(flatten)]
    pub(super) cluster: Cluster,
    /// How many different pods have to answer at URL; 1 by default. Without URL, every pod of the newest
    /// revision has to answer.
    #[arg(long, value_name = "N", requires = "url", conflicts_with = "pod")]
    pub(super) pods: Option<usize>,
    /// A pod that has to answer at URL; answers of other pods do not count. Can be repeated.
    #[arg(long, value_name = "NAME", requires = "url")]
    pub(super) pod: Vec<String>,
    /// Certificates of the CA that signed the service's certificate, in PEM format.
    #[arg(long, value_name = "FILE")]
    pub(super) service_ca: Option<PathBuf>,
    /// Where the test sends its requests from: by default a pod if the load balancer is internal.
    #[arg(long, value_name = "PLACE", conflicts_with = "url")]
    pub(super) test_from: Option<TestFrom>,
    /// How long the pods may take to answer.
    #[arg(long, value_name = "DURATION", default_value = "3m", value_parser = duration)]
    pub(super) timeout: Duration,
}

#[derive(Debug, Args)]
pub(super) struct RolloutTest {
    #[command(flatten)]
    pub(super) cluster: Cluster,
    /// Requests a second, half of them on kept-alive connections.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(super) rate: u32,
    /// How often all pods are replaced.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(super) restarts: u32,
    /// The longest time that one step may go without progress.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub(super) timeout: Duration,
}

#[derive(Debug, Args)]
pub(super) struct Node {
    /// The node's name.
    #[arg(value_name = "NODE")]
    pub(super) name: String,
    /// The arguments of `nodectl -k`.
    #[arg(
        value_name = "ARGS",
        default_value = "ps",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(super) args: Vec<String>,
    #[command(flatten)]
    pub(super) context: Context,
    #[command(flatten)]
    pub(super) source: Source,
    /// The manifest of the pod.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "k8s/node-inspector/pod.yaml"
    )]
    pub(super) manifest: PathBuf,
    /// The directory that contains the node's file system, if it is not `/`.
    #[arg(
        long = "node-root",
        env = "NODE_ROOT",
        value_name = "DIR",
        default_value = ""
    )]
    pub(super) root: String,
}

#[derive(Debug, Args)]
pub(super) struct Undeploy {
    #[command(flatten)]
    pub(super) cluster: Cluster,
    /// Delete the `PersistentVolumeClaims` too, with their data.
    #[arg(long)]
    pub(super) delete_data: bool,
}

/// `90s`, `15m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.len() - text.chars().last().map_or(0, char::len_utf8);
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    match number.parse::<u32>() {
        Ok(number) if seconds > 0 => Ok(Duration::from_secs(u64::from(number) * seconds)),
        _ => Err("expected a number and one of s, m, h, such as 90s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("15m"), Ok(Duration::from_mins(15)));
        assert_eq!(duration("1h"), Ok(Duration::from_hours(1)));
        for bad in ["", "s", "90", "1.5m", "-1s", "5ß"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
