//! The command line.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "the text of --help has brackets around what is optional"
)]

mod assemble;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use cli::Progress;
use oci::{Platform, Reference};

use crate::base_name::BaseName;
use crate::layer::LayerCompression;
use crate::place::{Local, Output, Place};
use crate::registry::Prefix;
use crate::sbom;
use crate::target::CLibrary;

pub(crate) use assemble::{Assemble, FileArgument};

/// From a Cargo workspace to container images, without a Dockerfile.
#[derive(Debug, Parser)]
#[command(name = "imagebuilder", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// How progress is shown on stderr.
    #[arg(long, global = true, value_enum, default_value_t = Progress::Auto)]
    pub(crate) progress: Progress,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build a package's image and print `name@sha256:…`.
    Build(Build),
    /// Pack files that exist already into an image, and print `name@sha256:…`.
    Assemble(Assemble),
    /// Build the images that manifests name `cargo://PACKAGE`, and print the manifests with their
    /// digests.
    Resolve(Resolve),
    /// Write a commented [package.metadata.image] into a package's Cargo.toml, with what it finds.
    Init(Init),
    /// Show what images hold.
    Inspect(Inspect),
    /// Show why two images differ, down to the field, mode and byte. Exits with 5 where they do.
    Diff(Diff),
    /// Check every digest and size of images, down to the files, and with --key their signatures; print `sha256:… NAME` for each.
    Verify(Verify),
    /// Push images to a registry, and print `name@sha256:…` for each.
    Push(Push),
    /// Copy an image from one place to another, byte for byte, and print its name by digest.
    Copy(Copy),
    /// Print the tags of a repository, one a line.
    Tags(Remote),
    /// Print the digest of an image in a registry.
    Digest(Remote),
    /// Print the manifest or index of an image in a registry, byte for byte.
    Manifest(Remote),
    /// Delete a tag, or an image by its digest, where the registry allows it.
    Delete(Remote),
    /// Check a name and password with a registry, and store them where docker and podman find them.
    Login(Login),
    /// Delete the stored name and password of a registry.
    Logout(Logout),
}

/// Where the settings of images are: every key, by its name.
const SETTINGS: &str = "Settings of the image are in [package.metadata.image] of the package's Cargo.toml, with \
    defaults for all packages in [workspace.metadata.image]: name, bin, base, libc, platforms, user, \
    workdir, entrypoint, args, env, ports, volumes, stop-signal, labels, annotations, assets, build-env, \
    features, no-default-features. `imagebuilder init` writes a commented table, and imagebuilder's \
    README describes each.";

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

/// How files become layers.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Packing {
    /// How layers are compressed: gzip[:LEVEL], 1 to 9, which every engine reads, or zstd[:LEVEL],
    /// 1 to 19, which Docker reads from version 23. Layers of a base stay as they are.
    #[arg(long, value_name = "FORMAT", default_value_t)]
    pub(crate) compression: LayerCompression,
    /// The time of everything in the image, in seconds since 1970.
    #[arg(
        long,
        env = "SOURCE_DATE_EPOCH",
        value_name = "SECONDS",
        default_value_t = 0
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(..=u64::from(u32::MAX)))]
    pub(crate) source_date_epoch: u64,
}

/// Where images go.
#[derive(Debug, Args)]
pub(crate) struct Destinations {
    /// Where the image goes. May be repeated. Without this and --repo,
    /// what Cargo builds goes to the OCI layout `images` in its target
    /// directory.
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
    /// The tag in the image's name.
    #[arg(long, value_parser = tag)]
    pub(crate) tag: Option<String>,
    #[command(flatten)]
    pub(crate) registry: Registry,
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

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("destination").required(true))]
pub(crate) struct Push {
    /// The images to push: `oci:DIR`, `tar:FILE`, one of their images, with `:NAME` behind, or
    /// `docker:NAME`.
    #[arg(value_name = "SOURCE")]
    pub(crate) source: Local,
    /// Push the one image there, such as registry.example.com/team/app:v1. May be repeated.
    #[arg(value_name = "REFERENCE", group = "destination")]
    pub(crate) references: Vec<Reference>,
    /// Push each image to PREFIX/NAME, such as ACCOUNT.dkr.ecr.REGION.amazonaws.com/team, by the
    /// image's name in the layout.
    #[arg(long, value_name = "PREFIX", group = "destination")]
    pub(crate) repo: Option<Prefix>,
    /// The tag, with --repo; the one in the image's name where not given.
    #[arg(long, value_parser = tag, conflicts_with = "references")]
    pub(crate) tag: Option<String>,
    /// The image for one platform of an index; all of them where not given.
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<Platform>,
    /// Report what would be sent, and send nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Look for each blob even if the registry has the image, and send what is missing: a garbage
    /// collection of the registry may have deleted it.
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) registry: Registry,
}

#[derive(Debug, Args)]
pub(crate) struct Copy {
    /// The image: `oci:DIR[:NAME]`, `tar:FILE[:NAME]`, `docker:NAME`, or a reference such as
    /// registry.example.com/team/app:v1.
    pub(crate) source: Place,
    /// Where it goes, in one of the same forms.
    pub(crate) destination: Place,
    /// The image for one platform of an index; all of them where not given.
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<Platform>,
    /// Copy what refers to the image too: signatures, attestations, bills of materials.
    #[arg(long)]
    pub(crate) referrers: bool,
    /// Look for each blob even if the destination has the image, and copy what is missing.
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) registry: Registry,
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
    /// The name.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) username: String,
    /// Read the password from standard input.
    #[arg(long, required_unless_present = "password")]
    pub(crate) password_stdin: bool,
    /// Refused, since every process of the machine can read it, and the shell remembers it.
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
    /// The directory with the config.json of `docker login`, in place of all other files with
    /// credentials.
    #[arg(long, value_name = "DIR", env = "DOCKER_CONFIG")]
    pub(crate) docker_config: Option<PathBuf>,
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

/// How a registry is reached.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct Registry {
    /// Certificate authorities to trust besides the machine's, as PEM. `$SSL_CERT_FILE` and
    /// `$SSL_CERT_DIR` replace the machine's; Mozilla's count where it has none.
    #[arg(long, value_name = "PATH")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Plain HTTP, without TLS. A registry on this machine (127.0.0.1, localhost) is reached so
    /// anyway, unless one of the TLS options is given.
    #[arg(long, conflicts_with_all = ["ca_file", "insecure_skip_tls_verify"])]
    pub(crate) plain_http: bool,
    /// TLS without verification: whoever is on the way can read and change everything.
    #[arg(long)]
    pub(crate) insecure_skip_tls_verify: bool,
    /// Refused, since it means plain HTTP to some programs and no verification to others.
    #[arg(long, hide = true, value_parser = ambiguous, num_args = 0, default_missing_value = "")]
    insecure: Option<String>,
    /// Connect to ADDRESS where HOST:PORT is meant. May be repeated.
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    pub(crate) resolve: Vec<oci::registry::Resolve>,
    /// Create the repository where it does not exist. For Amazon ECR.
    #[arg(long)]
    pub(crate) create_repository: bool,
    /// The directory with the config.json of `docker login`, in place of all other credentials:
    /// `$REGISTRY_AUTH_FILE`, ~/.docker, and podman's auth.json.
    #[arg(long, value_name = "DIR", env = "DOCKER_CONFIG")]
    pub(crate) docker_config: Option<PathBuf>,
}

fn tag(text: &str) -> Result<String, oci::ReferenceError> {
    let name: oci::Reference = "x".parse()?;
    name.with_tag(text).map(|_| text.to_owned())
}

/// `HOST[:PORT]`, also in the form of docker's file, `https://index.docker.io/v1/`.
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

fn ambiguous(_: &str) -> Result<String, &'static str> {
    Err("give --plain-http or --insecure-skip-tls-verify, whichever is meant")
}

fn revision(text: &str) -> Result<String, &'static str> {
    let valid = !text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic());
    if valid {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 128 printable ASCII characters without spaces")
    }
}

/// What standard output carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A line an image, `name@sha256:…`, or a table.
    Text,
    /// JSON.
    Json,
}
