//! The names of an image, and of the binaries in it.

use oci::Reference;

use super::error::BuildError;
use crate::setting_values::ImageName;
use crate::workspace::Service;

/// The directory of binaries: it is on the default `PATH`, so that `kubectl exec` finds them without a shell.
pub(super) const BIN_DIRECTORY: &str = "usr/local/bin";

/// The path of a binary in the image, without a leading slash.
pub(super) fn image_path(bin: &str) -> String {
    format!("{BIN_DIRECTORY}/{bin}")
}

/// The name of a service's image, unless the command line sets another.
pub(crate) fn image_name(service: &Service) -> Result<Reference, BuildError> {
    match &service.settings.name {
        Some(name) => Ok(name.reference().clone()),
        None => ImageName::try_from(service.bin.clone())
            .map(|name| name.reference().clone())
            .map_err(BuildError::Name),
    }
}
