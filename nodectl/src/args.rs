//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cli::Progress;

use crate::containerd::DEFAULT_ADDRESS;
use crate::network::Subnet;
use crate::node::Host;
use crate::play::Instance;
use crate::publish::Publish;
use crate::window::{Tail, duration};

/// Runs Kubernetes Deployments and Services on this machine's containerd, and inspects a node.
#[derive(Debug, Parser)]
#[command(
    name = "nodectl",
    version,
    about,
    propagate_version = true,
    max_term_width = 100
)]
pub struct Cli {
    /// Settings of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Settings of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Show the kubelet's containers on this node instead of nodectl's own (read-only)
    #[arg(short, long, global = true)]
    pub kubernetes: bool,
    /// containerd's socket; /run/containerd/containerd.sock by default
    #[arg(long, global = true, env = "CONTAINERD_ADDRESS", value_name = "SOCKET")]
    pub address: Option<PathBuf>,
    /// The containerd namespace to work in; `nodectl` by default, with -k `k8s.io`
    #[arg(
        long,
        global = true,
        env = "NODECTL_NAMESPACE",
        value_name = "NAME",
        value_parser = namespace
    )]
    pub namespace: Option<String>,
    /// Directory of the lock and the network namespaces while pods run
    #[arg(
        long,
        global = true,
        env = "NODECTL_STATE_DIR",
        default_value = "/run/nodectl",
        value_name = "DIR",
        value_parser = absolute
    )]
    pub state_dir: PathBuf,
    /// Directory of the pods' logs and volumes, on a disk: a container's logs take up to 50 MiB
    #[arg(
        long,
        global = true,
        env = "NODECTL_DATA_DIR",
        default_value = "/var/lib/nodectl",
        value_name = "DIR",
        value_parser = absolute
    )]
    pub data_dir: PathBuf,
    /// The node's root directory, such as /host in a pod that debugs the node
    #[arg(
        long,
        global = true,
        env = "NODECTL_HOST_ROOT",
        default_value = "/",
        value_name = "DIR"
    )]
    pub host_root: PathBuf,
    /// How progress is shown on stderr
    #[arg(
        long,
        global = true,
        env = "NODECTL_PROGRESS",
        value_enum,
        default_value_t = Progress::Auto,
        value_name = "FORMAT"
    )]
    pub progress: Progress,
}

impl Global {
    /// The node whose files are read.
    pub fn host(&self) -> Host {
        Host::new(&self.host_root)
    }

    /// containerd's socket: the one of `--address`, else the node's default.
    pub fn address(&self) -> PathBuf {
        self.address
            .clone()
            .unwrap_or_else(|| self.host().path(DEFAULT_ADDRESS))
    }

    /// The instance of these settings.
    pub fn instance(&self) -> Instance {
        Instance::new(&self.state_dir, &self.data_dir, self.namespace())
    }

    /// The containerd namespace.
    pub fn namespace(&self) -> &str {
        let default = if self.kubernetes {
            crate::node::NAMESPACE
        } else {
            "nodectl"
        };
        self.namespace.as_deref().unwrap_or(default)
    }
}

/// Absolute, because containerd gets paths below it and has another working directory.
fn absolute(text: &str) -> Result<PathBuf, std::io::Error> {
    std::path::absolute(text)
}

/// A name that is valid as a directory, a header and a containerd namespace
/// (containerd's `identifiers`: letters and digits, single separators in between).
fn namespace(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric();
    let parts_are_plain = text
        .split(['.', '-', '_'])
        .all(|part| !part.is_empty() && part.chars().all(plain));
    if parts_are_plain && text.len() <= 76 {
        Ok(text.to_owned())
    } else {
        Err(
            "expected at most 76 letters and digits, with single `.`, `-` or `_` between them"
                .into(),
        )
    }
}

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the Deployments and Services of manifests until Ctrl-C
    ///
    /// Manifests are validated as the API server validates them. An unsupported field is refused, or, where
    /// it has no effect on one machine, ignored with a warning that names its path. Images are
    /// never pulled. Pods reach each other and this machine by address: they have no route to other
    /// networks, and Services have no DNS names.
    Up(UpArgs),
    /// Remove everything that `up` created, even after a crash
    Down(DownArgs),
    /// Show containers by pod
    ///
    /// READY and REASON of a container of `up` are the latest results of its probes; while no `up` runs,
    /// nothing probes it, and READY is `-`. With -k there is no such column: see `nodectl pods --help`.
    Ps(OutputArgs),
    /// Show pods (with -k)
    ///
    /// RUNNING is the number of running containers. Only the kubelet knows which are ready, and reports it to
    /// the API server: see `kubectl get pods`, and `kubectl describe pod` for the response to a failed probe.
    Pods(OutputArgs),
    /// Show everything about a pod (with -k)
    Inspect(InspectArgs),
    /// Show the CPU, memory and network usage of containers (with -k)
    Stats(StatsArgs),
    /// Show the log of a pod's container
    Logs(LogsArgs),
    /// Work with the images in containerd
    #[command(subcommand)]
    Images(ImagesCommand),
}

/// `up`
#[derive(Clone, Debug, Args)]
pub struct UpArgs {
    /// A manifest, a directory of manifests, or `-` for standard input
    #[arg(
        short = 'f',
        long = "filename",
        required = true,
        value_name = "FILE|DIR|-"
    )]
    pub files: Vec<PathBuf>,
    /// An OCI layout with the images, as imagebuilder writes it
    #[arg(long, env = "NODECTL_IMAGES", value_name = "oci:DIR")]
    pub images: Option<LayoutArg>,
    /// Publish a port of a Service. SERVICE is required if several Services have the port. May be repeated.
    /// By default each port of a `LoadBalancer` Service is published on 127.0.0.1
    #[arg(long, value_name = "[ADDRESS:]PORT:[[NAMESPACE/]SERVICE:]SERVICEPORT")]
    pub publish: Vec<Publish>,
    /// Run the pods of manifests with a `NetworkPolicy`, which is not enforced here: pods reach each other and
    /// this machine
    #[arg(long)]
    pub ignore_network_policies: bool,
    /// The pods' subnet; by default the first free /24 of 10.88.0.0/16, 172.30.0.0/16 or 192.168.0.0/16
    #[arg(long, env = "NODECTL_POD_CIDR", value_name = "CIDR")]
    pub pod_cidr: Option<Subnet>,
    /// Seconds that pods get to stop after Ctrl-C, unless their own grace period is shorter
    #[arg(
        long,
        env = "NODECTL_GRACE_PERIOD",
        default_value_t = 10,
        value_name = "SECONDS"
    )]
    pub grace_period: u32,
}

/// `down`
#[derive(Clone, Debug, Args)]
pub struct DownArgs {
    /// Seconds to wait for a running `up` to stop
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub wait: u32,
}

/// Commands that print data.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputArgs {
    /// The output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
}

/// `inspect`
#[derive(Clone, Debug, Args)]
pub struct InspectArgs {
    /// The pod's name, NAMESPACE/NAME or unique ID, or the ID of one of its containers
    pub pod: String,
    /// The output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
}

/// `stats`
#[derive(Clone, Debug, Args)]
pub struct StatsArgs {
    /// The pods; all by default
    pub pods: Vec<String>,
    /// Milliseconds between the two samples that rates are computed from
    #[arg(
        long,
        default_value_t = 1000,
        value_name = "MS",
        value_parser = clap::value_parser!(u32).range(10..=60_000)
    )]
    pub interval: u32,
    /// The output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
}

/// `logs`
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// The pod, as NAME or NAMESPACE/NAME; with -k also an ID
    pub pod: String,
    /// The container, if the pod has several
    #[arg(short, long)]
    pub container: Option<String>,
    /// Follow the log until the container is restarted or removed
    #[arg(short, long)]
    pub follow: bool,
    /// Show only the last lines
    #[arg(long, value_name = "LINES", allow_negative_numbers = true)]
    pub tail: Option<Tail>,
    /// Show only lines since a time (RFC 3339), or since a duration ago (90s, 10m, 2h)
    #[arg(long, value_name = "TIME")]
    pub since: Option<Since>,
    /// Show the log of the container's previous start
    #[arg(short, long)]
    pub previous: bool,
    /// Prefix each line with its time
    #[arg(long)]
    pub timestamps: bool,
    /// The output format; JSON is one object per line
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: Output,
}

/// A point in time, absolute or relative to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// A time.
    Time(jiff::Timestamp),
    /// A duration ago.
    Ago(Duration),
}

impl Since {
    /// The absolute time, given `now_ms` (milliseconds since 1970).
    pub fn at(self, now_ms: i64) -> jiff::Timestamp {
        match self {
            Self::Time(time) => time,
            Self::Ago(duration) => {
                let ago_ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
                let ms = now_ms.saturating_sub(ago_ms);
                jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MIN)
            }
        }
    }
}

impl std::str::FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(time) = text.parse() {
            return Ok(Self::Time(time));
        }
        let wrong = || {
            format!(
                "invalid time `{text}`: expected a time such as 2026-01-31T12:00:00Z or a duration such as \
                 90s, 10m, 2h or 1d"
            )
        };
        duration(text).map(Self::Ago).ok_or_else(wrong)
    }
}

/// `images`
#[derive(Debug, Subcommand)]
pub enum ImagesCommand {
    /// Import an image from a layout and unpack it
    Import(ImportArgs),
    /// List images
    List(OutputArgs),
    /// Remove images
    Rm(RmArgs),
}

/// `images import`
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// The layout
    #[arg(value_name = "oci:DIR")]
    pub layout: LayoutArg,
    /// The image to import, if the layout has several; if it has one, the image's name in
    /// containerd
    #[arg(long = "ref", value_name = "NAME")]
    pub reference: Option<oci::Reference>,
}

/// `images rm`
#[derive(Clone, Debug, Args)]
pub struct RmArgs {
    /// The images' names
    #[arg(required = true)]
    pub names: Vec<String>,
}

/// A layout's directory, written `oci:DIR`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayoutArg(pub PathBuf);

impl std::str::FromStr for LayoutArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("oci:") {
            Some(dir) if !dir.is_empty() => Ok(Self(PathBuf::from(dir))),
            _ => Err("expected oci:DIR".to_owned()),
        }
    }
}
