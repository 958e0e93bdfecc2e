//! The command lines of the commands that read images: `inspect`, `diff` and `verify`.

use std::path::PathBuf;

use clap::Args;

use super::{Format, Registry};
use crate::place::Place;

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The images: `oci:DIR`, a layout; `tar:FILE`, an OCI archive or the output of `docker save`; either
    /// with `:NAME` appended for one image; `docker:NAME`, in the local engine; or a reference such as
    /// registry.example.com/team/app:v1.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Place,
    /// List the files of each layer.
    #[arg(long)]
    pub(crate) files: bool,
    /// List the crates of each image: those in its SBOMs, and those listed in its binaries. With
    /// --format json, print the documents themselves.
    #[arg(long)]
    pub(crate) sbom: bool,
    /// Show the commit and the command that each image was built from, according to the provenance
    /// that `build
    /// --provenance` attached. Only `verify --key` checks who signed it.
    #[arg(long)]
    pub(crate) provenance: bool,
    /// The format of standard output: a table, or one JSON object.
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
    /// The image to compare it with, in the same forms.
    #[arg(value_name = "B")]
    pub(crate) b: Place,
    /// The format of standard output: a line for each difference, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) registry: Registry,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The images: `oci:DIR`, a layout; `tar:FILE`, an OCI archive or the output of `docker save`; either
    /// with `:NAME` appended for one image; `docker:NAME`, in the local engine; or a reference such as
    /// registry.example.com/team/app:v1.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Place,
    /// Also check each image's signature against this public key, ECDSA P-256 in PEM.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Also rebuild each image from the source that its provenance names; if the two differ, print how,
    /// and exit with 5. This runs that source's build scripts. With --key, only provenance signed by the
    /// key counts.
    #[arg(long)]
    pub(crate) rebuild: bool,
    /// A git repository with the commit, instead of the one that the provenance names.
    #[arg(long, value_name = "REPOSITORY", requires = "rebuild")]
    pub(crate) source_repository: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) registry: Registry,
}
