//! The command lines of the commands that build images: `build`, `resolve`, `apply` and `init`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use oci::Platform;

use super::{Destinations, Format, Packing};
use crate::base_name::BaseName;
use crate::sbom;
use crate::target::CLibrary;

/// Every key of an image's settings, and where they are described.
const SETTINGS: &str = "Settings of the image are in [package.metadata.image] of the package's Cargo.toml, with \
    defaults for all packages in [workspace.metadata.image]: name, bin, base, libc, allocator, \
    platforms, user, workdir, entrypoint, args, env, ports, volumes, stop-signal, labels, annotations, \
    assets, build-env, features, no-default-features. `imagebuilder init` writes a commented table, and \
    imagebuilder's README describes each.";

#[derive(Debug, Args)]
#[command(after_long_help = SETTINGS)]
pub(crate) struct Build {
    /// The workspace's packages to build, as `cargo build --package` names them [default: the one with a
    /// binary that `cargo build` builds]
    #[arg(value_name = "PACKAGE")]
    pub(crate) packages: Vec<String>,
    /// The binary to pack, if the package has several. May be repeated: each gets its own layer, and
    /// the image runs the first.
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Vec<String>,
    /// Cargo features to enable, in addition to those in the package's [package.metadata.image].
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    pub(crate) features: Vec<String>,
    /// Do not enable the default features.
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// Additional arguments for `cargo build`, such as `-- --config net.git-fetch-with-cli=true`.
    #[arg(last = true, value_name = "CARGO ARGS")]
    pub(crate) cargo_arguments: Vec<String>,
    /// The format of standard output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) image: Image,
}

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// A manifest, a directory of *.yaml, *.yml and *.json, or `-` for standard input. May be repeated.
    #[arg(short, long = "filename", value_name = "PATH", required = true)]
    pub(crate) filenames: Vec<PathBuf>,
    /// Read the directories in a directory too.
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) image: Image,
}

#[derive(Debug, Args)]
#[command(mut_arg("repo", |repo| repo.required(true)))]
pub(crate) struct Apply {
    /// Further arguments for `kubectl apply`, such as `-- --namespace shop --server-side`.
    #[arg(last = true, value_name = "KUBECTL ARGS")]
    pub(crate) kubectl_arguments: Vec<OsString>,
    #[command(flatten)]
    pub(crate) resolve: Resolve,
}

/// The options for every image that a command builds.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("bills").multiple(true))]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Image {
    /// The base image: `scratch`, the default; the full name of an image in a registry, such as
    /// gcr.io/distroless/cc-debian12; oci:DIR[:NAME] or tar:FILE[:NAME]. Overrides `base` in
    /// [package.metadata.image]. Its digest is recorded in imagebuilder.lock.
    #[arg(long, value_name = "BASE")]
    pub(crate) base: Option<BaseName>,
    /// Resolve the names of bases again, and update imagebuilder.lock.
    #[arg(long, conflicts_with_all = ["locked", "frozen"])]
    pub(crate) update_base: bool,
    /// The C library to link with. Overrides `libc` in [package.metadata.image].
    #[arg(long, value_enum)]
    pub(crate) libc: Option<CLibrary>,
    /// The target platforms, separated by commas; several create an index [default: `platforms` in
    /// [package.metadata.image], else this machine's]
    #[arg(long, value_name = "OS/ARCH", value_delimiter = ',')]
    pub(crate) platform: Vec<Platform>,
    /// The workspace's Cargo.toml [default: the current directory's]
    #[arg(long, value_name = "PATH")]
    pub(crate) manifest_path: Option<PathBuf>,
    /// Fail, instead of warning, if a binary contains a path of this machine, for example from
    /// `env!("CARGO_MANIFEST_DIR")`: the digest depends on it.
    #[arg(long)]
    pub(crate) deny_paths: bool,
    /// The source's revision, such as the output of `git describe --always --dirty`. It becomes an
    /// annotation of the image, and `SOURCE_REVISION` in the compiler's environment; without it neither
    /// depends on git.
    #[arg(long, value_name = "REVISION", value_parser = revision)]
    pub(crate) revision: Option<String>,
    /// Attach an SBOM to each platform's image: the crates that are linked into the binary. A registry
    /// lists it as a referrer; it is pushed before the tag.
    #[arg(long, group = "bills")]
    pub(crate) sbom: bool,
    /// Write each binary's SBOM to DIR/BINARY-OS-ARCH.spdx.json too or, without --sbom, only there.
    #[arg(long, value_name = "DIR", group = "bills")]
    pub(crate) sbom_dir: Option<PathBuf>,
    /// The format of SBOMs.
    #[arg(long, value_enum, default_value_t, requires = "bills")]
    pub(crate) sbom_format: sbom::Format,
    /// Do not embed the list of crates, which scanners such as `cargo audit bin`, trivy and syft read,
    /// in the binary.
    #[arg(long)]
    pub(crate) no_auditable: bool,
    #[command(flatten)]
    pub(crate) attestation: Attestation,
    #[command(flatten)]
    pub(crate) packing: Packing,
    // Options with a heading come last: clap puts all that follow under the same heading.
    #[command(flatten)]
    pub(crate) destinations: Destinations,
    #[command(flatten)]
    pub(crate) cargo: Cargo,
}

/// What is attached to an image besides SBOMs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Attestation")]
pub(crate) struct Attestation {
    /// Attach SLSA provenance: the git commit, the arguments and the dependencies that the image was
    /// built from. Refused if the working tree differs from the commit.
    #[arg(long)]
    pub(crate) provenance: bool,
    /// The builder that the provenance names.
    #[arg(
        long,
        value_name = "URI",
        requires = "provenance",
        default_value = concat!("pkg:cargo/imagebuilder@", env!("CARGO_PKG_VERSION"))
    )]
    pub(crate) builder_id: String,
    /// Sign the image, its platforms' manifests and their attachments with an ECDSA P-256 key in the
    /// format of cosign or OpenSSL. `$COSIGN_PASSWORD` is the password of an encrypted key.
    #[arg(long, value_name = "FILE")]
    pub(crate) sign_key: Option<PathBuf>,
    /// Also push the signatures under tags `sha256-….sig`, where cosign before version 3 looks for them.
    #[arg(long, requires = "sign_key", requires = "repo")]
    pub(crate) sign_tag: bool,
}

/// How Cargo compiles.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cargo")]
pub(crate) struct Cargo {
    /// The Cargo profile.
    #[arg(long, value_name = "NAME", default_value = "release")]
    pub(crate) profile: String,
    /// Fail if Cargo.lock is missing or out of date, instead of updating it.
    #[arg(long)]
    pub(crate) locked: bool,
    /// Do not use the network.
    #[arg(long)]
    pub(crate) offline: bool,
    /// The same as --locked and --offline.
    #[arg(long)]
    pub(crate) frozen: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The package [default: as for `build`]
    #[arg(value_name = "PACKAGE")]
    pub(crate) package: Option<String>,
    /// Print the table instead of writing it.
    #[arg(long)]
    pub(crate) print: bool,
    /// The workspace's Cargo.toml [default: the current directory's]
    #[arg(long, value_name = "PATH")]
    pub(crate) manifest_path: Option<PathBuf>,
}

fn revision(text: &str) -> Result<String, &'static str> {
    let valid = !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic());
    if valid {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 128 printable ASCII characters without spaces")
    }
}
