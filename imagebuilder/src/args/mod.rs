//! The command line.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "the text of --help has brackets that are no links"
)]

mod assemble;
mod build;
mod inspect;
mod output;
mod registry;
mod transfer;

use clap::{Parser, Subcommand, ValueEnum};
use cli::Progress;

pub(crate) use assemble::{Assemble, FileArgument};
pub(crate) use build::{Apply, Build, Image, Init, Resolve};
pub(crate) use inspect::{Diff, Inspect, Verify};
pub(crate) use output::{Destinations, Packing};
pub(crate) use registry::{Creation, Registry};
pub(crate) use transfer::{Copy, Login, Logout, Push, Remote};

/// From a Cargo workspace to container images, without a Dockerfile.
#[derive(Debug, Parser)]
#[command(name = "imagebuilder", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// How to show progress on stderr.
    #[arg(long, global = true, value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build a package's image and print `name@sha256:…`.
    Build(Build),
    /// Pack existing files into an image, and print `name@sha256:…`.
    Assemble(Assemble),
    /// Build the images that manifests refer to as `cargo://PACKAGE`, and print the manifests with their
    /// digests.
    Resolve(Resolve),
    /// Resolve manifests as `resolve` does, and pass them to `kubectl apply`.
    Apply(Apply),
    /// Write a commented [package.metadata.image], with the settings that it detects, to a package's
    /// Cargo.toml.
    Init(Init),
    /// Show the contents of images.
    Inspect(Inspect),
    /// Show how two images differ, down to the field, mode and byte. Exits with 5 if they do.
    Diff(Diff),
    /// Check all digests and sizes of images, down to the files, and with --key their signatures; print
    /// `sha256:… NAME` for each.
    Verify(Verify),
    /// Push images to a registry, and print `name@sha256:…` for each.
    Push(Push),
    /// Copy an image from one place to another, byte for byte, and print its name by digest.
    Copy(Copy),
    /// Print the tags of a repository, one per line.
    Tags(Remote),
    /// Print the digest of an image in a registry.
    Digest(Remote),
    /// Print the manifest or index of an image in a registry, byte for byte.
    Manifest(Remote),
    /// Delete a tag, or an image by its digest, if the registry allows it. Succeeds if it does not exist.
    Delete(Remote),
    /// Check a name and password with a registry, and store them where docker and podman find them.
    Login(Login),
    /// Delete the stored name and password of a registry.
    Logout(Logout),
}

/// The format of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line `name@sha256:…` per image, or a table.
    Text,
    /// JSON.
    Json,
}
