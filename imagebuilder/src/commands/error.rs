//! The errors of commands, each with the operation that failed.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use cli::input::InputError;
use oci::copy::CopyError;
use oci::image::NoPlatform;
use oci::layout::LayoutError;
use oci::registry::{CredentialError, RegistryError};
use oci::{Digest, Reference, ReferenceError};

use super::copy_failure::CopyFailure;
use super::rebuild_error::RebuildError;
use super::verify_error::VerifyError;
use crate::attest::SignatureTagError;
use crate::builder::BuildError;
use crate::checkout::CheckoutError;
use crate::contents::ContentError;
use crate::engine::EngineError;
use crate::image_source::SourceError;
use crate::key::KeyError;
use crate::registry::PublishError;
use crate::resolve::ResolveError;
use crate::workspace::WorkspaceError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("cannot build an image of `{package}`")]
    Build {
        package: String,
        #[source]
        source: ImageError,
    },
    #[error("cannot assemble the image `{name}`")]
    Assemble {
        name: String,
        #[source]
        source: ImageError,
    },
    #[error("cannot resolve `cargo://{package}` in {origin}, line {line}")]
    Resolve {
        package: String,
        origin: String,
        line: usize,
        #[source]
        source: ImageError,
    },
    #[error(transparent)]
    Images(#[from] ImageError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("cannot resolve {origin}")]
    Scan {
        origin: String,
        #[source]
        source: ResolveError,
    },
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error(transparent)]
    Source(SourceError),
    #[error("`{}` has no image", layout.display())]
    NoImages { layout: PathBuf },
    #[error("the image {digest} of `{}` has no name to push it by", layout.display())]
    Unnamed { layout: PathBuf, digest: Digest },
    /// Its name is only a tag, or a full name that another program wrote.
    #[error("the image `{name}` of `{}` has {problem}, so --repo has no place for it", layout.display())]
    Place {
        layout: PathBuf,
        name: String,
        problem: &'static str,
    },
    #[error("`{place}` has {count} images, but only one can be used")]
    NameOne { place: String, count: usize },
    /// The two images of `diff`.
    #[error("{a} and {b} differ")]
    Differ { a: Digest, b: Digest },
    #[error("cannot {operation} {reference}")]
    Remote {
        operation: &'static str,
        reference: Box<Reference>,
        #[source]
        source: RegistryError,
    },
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error("cannot copy {from} to {to}")]
    Copy {
        from: String,
        to: String,
        #[source]
        source: CopyFailure,
    },
    #[error("`{reference}` names an image other than {digest}")]
    OtherImage {
        reference: Box<Reference>,
        digest: Digest,
    },
    #[error("cannot choose an image of {from}")]
    Platform {
        from: String,
        #[source]
        source: Box<NoPlatform>,
    },
    #[error("a container engine keeps no referrers")]
    EngineReferrers,
    #[error("`{reference}` has neither a tag nor a digest")]
    Untagged { reference: Box<Reference> },
    #[error("`{reference}` names no registry")]
    NoRegistry { reference: Box<Reference> },
    #[error("cannot push the image {digest} of `{}`", layout.display())]
    Name {
        layout: PathBuf,
        digest: Digest,
        #[source]
        source: ReferenceError,
    },
    #[error("verification of the image `{name}` failed")]
    Verify {
        name: String,
        #[source]
        source: VerifyError,
    },
    #[error("cannot rebuild the image `{name}`")]
    Rebuild {
        name: String,
        #[source]
        source: RebuildError,
    },
    #[error("cannot inspect the image `{name}`")]
    Inspect {
        name: String,
        #[source]
        source: ContentError,
    },
    #[error("`{}` already has [package.metadata.image]", path.display())]
    HasTable { path: PathBuf },
    /// The result would not be TOML.
    #[error("cannot append [package.metadata.image] to `{}`: {problem}", path.display())]
    Append { path: PathBuf, problem: String },
    #[error("cannot change `{}`", path.display())]
    Manifest {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("a password on the command line is refused")]
    PasswordArgument,
    #[error("no password on standard input")]
    NoPassword,
    #[error("cannot read the password from standard input")]
    Password(#[source] io::Error),
    #[error("there is no file to store credentials in: neither HOME nor REGISTRY_AUTH_FILE is set")]
    NoHome,
    #[error("cannot read `{}`", path.display())]
    CredentialFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot change the stored credentials")]
    Credentials(#[source] CredentialError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("cannot store the image of the container engine in a temporary file")]
    Keep(#[source] io::Error),
    #[error("cannot run `kubectl apply`")]
    Kubectl(#[source] io::Error),
    #[error("`kubectl apply` failed ({status})")]
    KubectlFailed { status: ExitStatus },
    #[error("cannot write to standard output")]
    Stdout(#[source] io::Error),
}

/// Why an image could not be built or pushed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("the images of `{one}` and `{other}` have the same name, `{name}`")]
    SameName {
        name: Box<Reference>,
        /// Whether a destination sets the name.
        of_output: bool,
        one: String,
        other: String,
    },
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("cannot identify the source for the provenance")]
    Checkout(#[from] CheckoutError),
    #[error("cannot store the signature of {digest} under its tag")]
    SignatureTag {
        digest: Digest,
        #[source]
        source: SignatureTagError,
    },
    #[error("`--output registry` requires --repo")]
    NoRepo,
    #[error("no destination for the image")]
    NoDestination,
    #[error("cannot store intermediate images")]
    Cache {
        /// The environment variable that chooses the directory.
        variable: &'static str,
        #[source]
        source: LayoutError,
    },
    #[error("cannot create a folder for temporary files")]
    Temporary(#[source] io::Error),
    #[error("cannot copy the image to `{}`", path.display())]
    Copy {
        path: PathBuf,
        #[source]
        source: CopyError<LayoutError, LayoutError>,
    },
    #[error("cannot write the image to `{}`", path.display())]
    Archive {
        path: PathBuf,
        #[source]
        source: CopyError<LayoutError, io::Error>,
    },
    #[error("cannot write `{}`", path.display())]
    WriteArchive {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("cannot push to {registry}")]
    Publisher {
        registry: String,
        #[source]
        source: PublishError,
    },
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl From<WorkspaceError> for ImageError {
    fn from(error: WorkspaceError) -> Self {
        Self::Build(error.into())
    }
}
