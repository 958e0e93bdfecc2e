//! The command lines of what builds images: `build`, `resolve` and `init`.

use std::path::PathBuf;

use clap::Args;
use oci::Platform;

use super::{Destinations, Format, Packing};
use crate::base_name::BaseName;
use crate::sbom;
use crate::target::CLibrary;

/// Where the settings of images are: every key, by its name.
const SETTINGS: &str = "Settings of the image are in [package.metadata.image] of the package's Cargo.toml, with \
    defaults for all packages in [workspace.metadata.image]: name, bin, base, libc, allocator, \
    platforms, user, workdir, entrypoint, args, env, ports, volumes, stop-signal, labels, annotations, \
    assets, build-env, features, no-default-features. `imagebuilder init` writes a commented table, and \
    imagebuilder's README describes each.";

#[derive(Debug, Args)]
#[command(after_long_help = SETTINGS)]
pub(crate) struct Build {
    /// The packages of the workspace to build, as `cargo build --package` names them; that of the
    /// current directory where none is given.
    #[arg(value_name = "PACKAGE")]
    pub(crate) packages: Vec<String>,
    /// The binary to pack, where the package has several. May be repeated: each gets a layer of its own, and
    /// the image runs the first.
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Vec<String>,
    /// Cargo features to enable, beside those in the package's [package.metadata.image].
    #[arg(long, value_name = "FEATURES", value_delimiter = ',')]
    pub(crate) features: Vec<String>,
    /// Do not enable the default features.
    #[arg(long)]
    pub(crate) no_default_features: bool,
    /// Further arguments for `cargo build`, such as `-- --config net.git-fetch-with-cli=true`.
    #[arg(last = true, value_name = "CARGO ARGS")]
    pub(crate) cargo_arguments: Vec<String>,
    /// What standard output carries.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) image: Image,
}

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// A manifest, a directory of *.yaml and *.yml, or `-` for standard input. May be repeated.
    #[arg(short, long = "filename", value_name = "PATH", required = true)]
    pub(crate) filenames: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) image: Image,
}

/// What concerns every image that a command builds.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("bills").multiple(true))]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line of its own"
)]
pub(crate) struct Image {
    /// What the image is built on: `scratch`, the default; an image of a registry by its full name,
    /// such as gcr.io/distroless/cc-debian12; oci:DIR[:NAME] or tar:FILE[:NAME]. In place of `base` in
    /// [package.metadata.image]. Its digest is kept in imagebuilder.lock.
    #[arg(long, value_name = "BASE")]
    pub(crate) base: Option<BaseName>,
    /// Use what the names of bases stand for now, and write that to imagebuilder.lock.
    #[arg(long, conflicts_with_all = ["locked", "frozen"])]
    pub(crate) update_base: bool,
    /// The C library that the binary is linked with, in place of `libc` in [package.metadata.image].
    #[arg(long, value_enum)]
    pub(crate) libc: Option<CLibrary>,
    /// What the image runs on; several, divided by commas, make an index. Where not
    /// given: `platforms` of [package.metadata.image], else this machine's.
    #[arg(long, value_name = "OS/ARCH", value_delimiter = ',')]
    pub(crate) platform: Vec<Platform>,
    /// The Cargo.toml of the workspace; the current directory's where not given.
    #[arg(long, value_name = "PATH")]
    pub(crate) manifest_path: Option<PathBuf>,
    /// Fail if a binary contains a path of this machine, such as `env!("CARGO_MANIFEST_DIR")` leaves;
    /// without this it is a warning. The digest depends on such a path.
    #[arg(long)]
    pub(crate) deny_paths: bool,
    /// The source's revision, such as `git describe --always --dirty` prints. The image carries it
    /// as an annotation, and the compiler gets it as `SOURCE_REVISION`; without it neither depends on
    /// git.
    #[arg(long, value_name = "REVISION", value_parser = revision)]
    pub(crate) revision: Option<String>,
    /// Attach a bill of materials to each platform's image: the crates that are linked into the binary.
    /// A registry lists it as a referrer; it is there before the tag is.
    #[arg(long, group = "bills")]
    pub(crate) sbom: bool,
    /// Write the bill of materials of each binary to DIR/BINARY-OS-ARCH.spdx.json too, or, without
    /// --sbom, only there.
    #[arg(long, value_name = "DIR", group = "bills")]
    pub(crate) sbom_dir: Option<PathBuf>,
    /// The format of bills of materials.
    #[arg(long, value_enum, default_value_t, requires = "bills")]
    pub(crate) sbom_format: sbom::Format,
    /// Leave the list of crates out of the binary, which scanners such as `cargo audit bin`, trivy and
    /// syft read.
    #[arg(long)]
    pub(crate) no_auditable: bool,
    #[command(flatten)]
    pub(crate) attestation: Attestation,
    #[command(flatten)]
    pub(crate) packing: Packing,
    // What is below a heading comes last: clap puts whatever follows below it too.
    #[command(flatten)]
    pub(crate) destinations: Destinations,
    #[command(flatten)]
    pub(crate) cargo: Cargo,
}

/// What is attached to an image, besides bills of materials.
#[derive(Debug, Args)]
#[command(next_help_heading = "Attestation")]
pub(crate) struct Attestation {
    /// Attach SLSA provenance: the git commit, the arguments and the dependencies that the image was
    /// built from. Refused where the working tree differs from the commit.
    #[arg(long)]
    pub(crate) provenance: bool,
    /// Who runs the build, in the provenance.
    #[arg(
        long,
        value_name = "URI",
        requires = "provenance",
        default_value = concat!("pkg:cargo/imagebuilder@", env!("CARGO_PKG_VERSION"))
    )]
    pub(crate) builder_id: String,
    /// Sign the image, its platforms' manifests, and what is attached to them, with an ECDSA key on P-256 as
    /// cosign or OpenSSL write it. `$COSIGN_PASSWORD` is the password of an encrypted one.
    #[arg(long, value_name = "FILE")]
    pub(crate) sign_key: Option<PathBuf>,
    /// Push the signatures under tags `sha256-….sig` too, where cosign before version 3 looks for them.
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
    /// The package; that of the current directory where none is given.
    #[arg(value_name = "PACKAGE")]
    pub(crate) package: Option<String>,
    /// Print the table, and change nothing.
    #[arg(long)]
    pub(crate) print: bool,
    /// The Cargo.toml of the workspace; the current directory's where not given.
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
