//! Why a copy failed, between any two places.

use std::io;

use oci::copy::CopyError;
use oci::layout::LayoutError;
use oci::registry::RegistryError;

/// The error of a copy, by source and destination.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyFailure {
    /// From a layout to another.
    #[error(transparent)]
    Layouts(#[from] CopyError<LayoutError, LayoutError>),
    /// From a layout to a registry.
    #[error(transparent)]
    Push(#[from] CopyError<LayoutError, RegistryError>),
    /// From a registry to a layout.
    #[error(transparent)]
    Pull(#[from] CopyError<RegistryError, LayoutError>),
    /// From a layout to a tar.
    #[error(transparent)]
    Pack(#[from] CopyError<LayoutError, io::Error>),
    /// From a registry to a tar.
    #[error(transparent)]
    PullPacked(#[from] CopyError<RegistryError, io::Error>),
    /// From a registry to another.
    #[error(transparent)]
    Registries(#[from] CopyError<RegistryError, RegistryError>),
}
