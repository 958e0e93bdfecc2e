//! Why an image could not be built.

use std::io;
use std::path::PathBuf;

use oci::layout::LayoutError;

use crate::assets::AssetError;
use crate::attest::AttestError;
use crate::auditable::EmbedError;
use crate::base::{BaseError, PinError};
use crate::cargo::CompileError;
use crate::checkout::CheckoutError;
use crate::fit::FitError;
use crate::layer::LayerError;
use crate::program::ProgramError;
use crate::sbom::SbomError;
use crate::setting_values::SettingError;
use crate::target::TargetError;
use crate::workspace::WorkspaceError;

/// Why an image could not be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Compile(#[from] CompileError),
    #[error("cannot lock `{}` against other builds", path.display())]
    Lock {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read the binary `{}`", path.display())]
    Binary {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` contains `{found}`, a path of this machine", path.display())]
    Path { path: PathBuf, found: String },
    #[error("cannot use the base `{base}`")]
    Base {
        base: String,
        #[source]
        source: BaseError,
    },
    #[error(transparent)]
    Pin(PinError),
    #[error("`libc = \"glibc\"` links dynamically, and an image without a base has no libraries")]
    NoGlibc,
    #[error(transparent)]
    Fit(#[from] FitError),
    #[error(transparent)]
    Asset(#[from] AssetError),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("the image has no program to run")]
    NoEntrypoint,
    #[error("the asset /{path} has the path of a binary")]
    AssetOverBinary { path: String },
    #[error("the provenance cannot name the source of an asset")]
    Checkout(#[from] CheckoutError),
    #[error(transparent)]
    Auditable(#[from] EmbedError),
    #[error(transparent)]
    Sbom(#[from] SbomError),
    #[error(transparent)]
    Attest(#[from] AttestError),
    #[error(transparent)]
    Layer(#[from] LayerError),
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("the binary's name is not an image name")]
    Name(#[source] SettingError),
    /// That of `assemble`.
    #[error("the program's name is not an image name")]
    ProgramName(#[source] SettingError),
}
