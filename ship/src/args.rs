//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Takes the service to a Kubernetes cluster, and shows how it does there.
#[derive(Debug, Parser)]
#[command(name = "ship", version, arg_required_else_help = true)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Build, push, apply by digest, wait, and test; print the URL.
    Deploy(Deploy),
    /// Test the service: at a URL, or where the overlay's load balancer is.
    Smoke(Smoke),
    /// Restart, scale and kill pods under load, and count the requests that fail.
    RolloutTest(RolloutTest),
    /// Show what runs.
    Status(Cluster),
    /// Print the URL.
    Url(Cluster),
    /// Remove all of it, the load balancer first.
    Undeploy(Undeploy),
}

/// Which cluster, and what of it.
#[derive(Clone, Debug, Args)]
pub(super) struct Cluster {
    /// The kubeconfig's context to act on. There is no default: the current one may be another
    /// cluster than you think.
    #[arg(long, env = "CONTEXT", value_name = "NAME")]
    pub(super) context: Option<String>,
    /// The folder with the kustomization.
    #[arg(
        long,
        env = "OVERLAY_DIR",
        value_name = "DIR",
        default_value = "k8s/overlays/eks"
    )]
    pub(super) overlay: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Deploy {
    #[command(flatten)]
    pub(super) cluster: Cluster,
    #[command(flatten)]
    pub(super) source: Source,
    /// How long the rollout may take. Kubernetes' own progressDeadlineSeconds ends it as well.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub(super) timeout: Duration,
    /// How long the load balancer may take to get its address and answer.
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub(super) balancer_timeout: Duration,
    /// Leave a rollout that did not come up as it is.
    #[arg(long)]
    pub(super) no_rollback: bool,
}

/// Where the image comes from.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// Registry and prefix that images are pushed to, such as
    /// 123456789012.dkr.ecr.eu-west-1.amazonaws.com/hello.
    #[arg(
        long,
        value_name = "PREFIX",
        required_unless_present = "image",
        conflicts_with = "image"
    )]
    pub(super) repo: Option<String>,
    /// Deploy this image, by digest, instead of building one.
    #[arg(long, value_name = "NAME@DIGEST")]
    pub(super) image: Option<String>,
    /// What the nodes run on.
    #[arg(
        long,
        value_name = "OS/ARCH",
        default_value = "linux/amd64,linux/arm64"
    )]
    pub(super) platform: String,
    /// A CA that the registry's certificate is signed by.
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Create the repository in ECR where it is missing.
    #[arg(long)]
    pub(super) create_repository: bool,
    /// The imagebuilder to run.
    #[arg(long, value_name = "PATH", default_value = "imagebuilder")]
    pub(super) imagebuilder: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Smoke {
    /// The service's URL; the one of the overlay's load balancer by default.
    #[arg(value_name = "URL")]
    pub(super) url: Option<String>,
    #[command(flatten)]
    pub(super) cluster: Cluster,
    /// How many different pods have to answer; with a context all that there are, otherwise one.
    #[arg(long, value_name = "N")]
    pub(super) pods: Option<usize>,
    /// How long to wait for the first answer: a new name takes a while to be known everywhere.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
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
    /// How long one step may take.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    pub(super) timeout: Duration,
}

#[derive(Debug, Args)]
pub(super) struct Undeploy {
    #[command(flatten)]
    pub(super) cluster: Cluster,
    /// Remove the volumes' claims as well, and with them the data.
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
        _ => Err("expected a number and s, m or h, such as 90s".to_owned()),
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
