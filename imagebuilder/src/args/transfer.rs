//! The command lines of the commands for registries, such as `push`, `copy` and `login`.

use std::path::PathBuf;

use clap::Args;
use oci::{Platform, Reference};

use super::registry::tag;
use super::{Creation, Registry};
use crate::place::{Local, Place};
use crate::registry::Prefix;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("destination").required(true))]
pub(crate) struct Push {
    /// The images to push: `oci:DIR` or `tar:FILE`, either with `:NAME` appended for one image, or
    /// `docker:NAME`.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Local,
    /// The name to push a single image to, such as registry.example.com/team/app:v1. May be repeated.
    #[arg(value_name = "REFERENCE", group = "destination")]
    pub(crate) references: Vec<Reference>,
    /// Push each image to PREFIX/NAME, such as ACCOUNT.dkr.ecr.REGION.amazonaws.com/team, by the
    /// image's name in the layout.
    #[arg(long, value_name = "PREFIX", group = "destination")]
    pub(crate) repo: Option<Prefix>,
    /// The tag, with --repo [default: the tag in the image's name]
    #[arg(long, value_parser = tag, conflicts_with = "references")]
    pub(crate) tag: Option<String>,
    /// The platform of an index to transfer [default: all]
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<Platform>,
    /// Report what would be pushed, and push nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Check for each blob even if the registry has the image, and push those that are missing: the
    /// registry's garbage collection may have deleted them.
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) registry: Registry,
    #[command(flatten)]
    pub(crate) creation: Creation,
}

#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The image: `oci:DIR[:NAME]`, `tar:FILE[:NAME]`, `docker:NAME`, or a reference such as
    /// registry.example.com/team/app:v1.
    pub(crate) source: Place,
    /// The destination, in the same forms, or `docker` to keep the image's name.
    #[arg(value_parser = Place::destination)]
    pub(crate) destination: Place,
    /// The platform of an index to transfer [default: all]
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<Platform>,
    /// Also copy the image's referrers: signatures, attestations, SBOMs. Container engines keep none.
    #[arg(long)]
    pub(crate) referrers: bool,
    /// Report what would be copied, and copy nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Check for each blob even if the destination has the image, and copy those that are missing.
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) registry: Registry,
    #[command(flatten)]
    pub(crate) creation: Creation,
}

#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// The repository or image, such as registry.example.com/team/app:v1.
    pub(crate) reference: Reference,
    #[command(flatten)]
    pub(crate) registry: Registry,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The registry, such as registry.example.com or docker.io.
    #[arg(value_name = "REGISTRY", value_parser = registry_host)]
    pub(crate) host: String,
    /// The user name.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) username: String,
    /// Read the password from standard input.
    #[arg(long, required_unless_present = "password")]
    pub(crate) password_stdin: bool,
    /// Refused: every process on the machine can read it, and the shell records it in its history.
    #[arg(short, long, hide = true)]
    pub(crate) password: Option<String>,
    #[command(flatten)]
    pub(crate) registry: Registry,
}

#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// The registry, such as registry.example.com or docker.io.
    #[arg(value_name = "REGISTRY", value_parser = registry_host)]
    pub(crate) host: String,
    /// The directory with the config.json of `docker login`, instead of all other files with
    /// credentials.
    #[arg(long, value_name = "DIR", env = "DOCKER_CONFIG")]
    pub(crate) docker_config: Option<PathBuf>,
}

/// `HOST[:PORT]`, also in the form of Docker's config.json, `https://index.docker.io/v1/`.
fn registry_host(text: &str) -> Result<String, String> {
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = bare.split('/').next().unwrap_or_default();
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    };
    let prefix: Prefix = host
        .parse()
        .map_err(|_| "expected a registry, such as registry.example.com or docker.io")?;
    Ok(prefix.registry().to_owned())
}
