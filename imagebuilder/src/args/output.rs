//! The options of all commands that create images: how to pack them, and their destinations.

use std::path::Path;

use clap::Args;

use super::registry::tag;
use super::{Creation, Registry};
use crate::layer::LayerCompression;
use crate::place::{Local, Output, Store};
use crate::registry::Prefix;

/// How to pack files into layers.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Packing {
    /// The compression of layers: gzip[:LEVEL], 1 to 9, which every engine reads, or zstd[:LEVEL],
    /// 1 to 19, which Docker reads from version 23. A base's layers are unchanged.
    #[arg(long, value_name = "FORMAT", default_value_t)]
    pub(crate) compression: LayerCompression,
    /// The timestamp of all files and of the image, in seconds since 1970.
    #[arg(
        long,
        env = "SOURCE_DATE_EPOCH",
        value_name = "SECONDS",
        default_value_t = 0
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(..=u64::from(u32::MAX)))]
    pub(crate) source_date_epoch: u64,
}

/// The destinations of images.
#[derive(Debug, Args)]
pub(crate) struct Destinations {
    /// The image's destination. May be repeated. Without this and
    /// --repo, images that Cargo builds are written to the OCI layout
    /// `images` in its target directory.
    ///
    ///   oci:DIR   an OCI image layout, created if it does not exist
    ///   tar:FILE  a tar that Docker, podman, skopeo and ctr load
    ///   docker    the local engine, Docker or podman
    ///   registry  the same as --repo alone, which it requires
    ///
    /// The first three may be followed by `:NAME[:TAG]`, the name there.
    #[arg(long, value_name = "DEST", verbatim_doc_comment)]
    pub(crate) output: Vec<Output>,
    /// Push the image to PREFIX/NAME, such as ACCOUNT.dkr.ecr.REGION.amazonaws.com/team.
    #[arg(long, value_name = "PREFIX")]
    pub(crate) repo: Option<Prefix>,
    /// The image's tag. May be repeated.
    #[arg(long = "tag", value_name = "TAG", value_parser = tag)]
    pub(crate) tags: Vec<String>,
    #[command(flatten)]
    pub(crate) registry: Registry,
    #[command(flatten)]
    pub(crate) creation: Creation,
}

impl Destinations {
    /// The destinations on this machine.
    pub(crate) fn locals(&self) -> impl Iterator<Item = &Local> {
        self.output.iter().filter_map(|output| match output {
            Output::Local(local) => Some(local),
            Output::Registry => None,
        })
    }

    /// The layouts and tars that are written.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.locals().filter_map(|local| match &local.store {
            Store::Layout(path) | Store::Archive(path) => Some(path.as_path()),
            Store::Engine => None,
        })
    }
}
