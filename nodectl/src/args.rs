//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::containerd::DEFAULT_ADDRESS;
use crate::network::Subnet;
use crate::publish::Publish;

/// Plays Kubernetes Deployments and Services on this machine's containerd.
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
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Settings of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// containerd's socket
    #[arg(long, global = true, env = "CONTAINERD_ADDRESS", default_value = DEFAULT_ADDRESS, value_name = "SOCKET")]
    pub address: PathBuf,
    /// The containerd namespace to work in
    #[arg(long, global = true, env = "NODECTL_NAMESPACE", default_value = "nodectl", value_name = "NAME", value_parser = namespace)]
    pub namespace: String,
    /// Where logs, network namespaces and the lock are kept while pods run
    #[arg(
        long,
        global = true,
        env = "NODECTL_STATE_DIR",
        default_value = "/run/nodectl",
        value_name = "DIR"
    )]
    pub state_dir: PathBuf,
    /// How progress is told on stderr
    #[arg(long, global = true, env = "NODECTL_PROGRESS", value_enum, default_value_t = ProgressArg::Auto, value_name = "HOW")]
    pub progress: ProgressArg,
}

/// A name that can be a directory, a header and a containerd namespace
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
            "a containerd namespace has letters, digits and single `.`, `-` or `_` between them"
                .into(),
        )
    }
}

/// How progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressArg {
    /// Live on a terminal, lines elsewhere.
    Auto,
    /// Live.
    Tty,
    /// Lines.
    Plain,
    /// JSON lines.
    Json,
    /// Warnings and errors alone.
    Quiet,
}

impl From<ProgressArg> for cli::Progress {
    fn from(progress: ProgressArg) -> Self {
        match progress {
            ProgressArg::Auto => Self::Auto,
            ProgressArg::Tty => Self::Tty,
            ProgressArg::Plain => Self::Plain,
            ProgressArg::Json => Self::Json,
            ProgressArg::Quiet => Self::Quiet,
        }
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

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the Deployments and Services of manifests until Ctrl-C
    Up(UpArgs),
    /// Remove everything that `up` has made, even after a crash
    Down(DownArgs),
    /// Show pods and their containers
    Ps(OutputArgs),
    /// Show what a pod's container has written
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
    /// A layout that has the images, such as imagebuilder writes
    #[arg(long, env = "NODECTL_IMAGES", value_name = "oci:DIR")]
    pub images: Option<LayoutArg>,
    /// Make a Service's port reachable; without it, each `LoadBalancer` Service has its own port on 127.0.0.1
    #[arg(long, value_name = "[ADDRESS:]PORT:SERVICEPORT")]
    pub publish: Vec<Publish>,
    /// The pods' subnet; the first free /24 of 10.88.0.0/16 by default
    #[arg(long, env = "NODECTL_POD_CIDR", value_name = "CIDR")]
    pub pod_cidr: Option<Subnet>,
    /// Seconds that pods have to end after Ctrl-C, where their own grace period is not shorter
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
    /// Seconds that a running `up` has to end by itself
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub wait: u32,
}

/// Commands that print data.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputArgs {
    /// How to print it
    #[arg(short, long, value_enum, default_value_t, value_name = "HOW")]
    pub output: Output,
}

/// `logs`
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// The pod
    pub pod: String,
    /// The container, where the pod has several
    #[arg(short, long)]
    pub container: Option<String>,
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
    /// Which of its images, where it has several; the image's name in containerd where it has one
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
            _ => Err("a layout is written oci:DIR".to_owned()),
        }
    }
}
