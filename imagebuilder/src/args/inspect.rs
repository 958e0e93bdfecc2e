//! The command lines of what reads images: `inspect`, `diff` and `verify`.

use std::path::PathBuf;

use clap::Args;

use super::{Format, Registry};
use crate::place::Place;

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The images: `oci:DIR`, a layout; `tar:FILE`, an OCI archive or what `docker save` writes; one of
    /// their images, with `:NAME` behind; `docker:NAME`, of the local engine; or a reference such as
    /// registry.example.com/team/app:v1.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Place,
    /// List the files of each layer.
    #[arg(long)]
    pub(crate) files: bool,
    /// List the crates of each image: those of its bills of materials, and those that its programs say
    /// they are linked from. With --format json, the documents themselves.
    #[arg(long)]
    pub(crate) sbom: bool,
    /// What standard output carries: a table, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) registry: Registry,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// An image: `oci:DIR[:NAME]`, `tar:FILE[:NAME]`, `docker:NAME`, or a reference such as
    /// registry.example.com/team/app:v1.
    #[arg(value_name = "A")]
    pub(crate) a: Place,
    /// Another, in one of the same forms.
    #[arg(value_name = "B")]
    pub(crate) b: Place,
    /// What standard output carries: a line for each difference, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) registry: Registry,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The images: `oci:DIR`, a layout; `tar:FILE`, an OCI archive or what `docker save` writes; one of
    /// their images, with `:NAME` behind; `docker:NAME`, of the local engine; or a reference such as
    /// registry.example.com/team/app:v1.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Place,
    /// Also check that each image is signed by the key to this public key, an ECDSA key on P-256 in PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Also build each image again, from the source that its provenance names, and compare; print how they
    /// differ, and exit with 5. This runs the build scripts of that source. With --key, only provenance
    /// that the key signed counts.
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// A git repository with the commit, in place of the one that the provenance names.
    #[arg(long, value_name = "REPOSITORY", requires = "rebuild")]
    pub(crate) source_repository: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) registry: Registry,
}
