//! Why a copy failed, between any two places.

use std::io;

use oci::copy::CopyError;
use oci::layout::LayoutError;
use oci::registry::RegistryError;

use crate::registry::is_missing;

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

impl CopyFailure {
    /// Whether the destination is a registry that does not have the repository.
    pub(super) fn found_no_repository(&self) -> bool {
        match self {
            Self::Push(error) => is_missing(error),
            Self::Registries(error) => is_missing(error),
            Self::Layouts(_) | Self::Pull(_) | Self::Pack(_) | Self::PullPacked(_) => false,
        }
    }
}
