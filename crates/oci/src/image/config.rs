//! The configuration of an image: what to run, as which user, and the diff IDs of its layers.

use oci_spec::image::ImageConfiguration;

use super::json::{self, DocumentError, canonical};
use crate::{Descriptor, Digest, DigestError, MediaType, Platform};

/// An image's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// oci-spec's model of it.
    pub spec: ImageConfiguration,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// If `bytes` are too many, not JSON, or another document.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        json::parse("image configuration", bytes).map(|spec| Self { spec })
    }

    /// Its canonical bytes, and their descriptor.
    pub fn to_bytes(&self) -> (Vec<u8>, Descriptor) {
        let bytes = canonical(&self.spec);
        let descriptor = Descriptor::of(MediaType::OCI_CONFIG, &bytes);
        (bytes, descriptor)
    }

    /// The digests of the uncompressed layers, lowest first.
    ///
    /// # Errors
    /// When one is not a digest.
    pub fn diff_ids(&self) -> Result<Vec<Digest>, DigestError> {
        self.spec
            .rootfs()
            .diff_ids()
            .iter()
            .map(|id| id.parse())
            .collect()
    }

    /// The platform that it runs on.
    pub fn platform(&self) -> Platform {
        let mut platform = Platform::linux(&self.spec.architecture().to_string());
        platform.os = self.spec.os().to_string();
        if self.spec.variant().is_some() {
            platform.variant.clone_from(self.spec.variant());
        }
        platform
    }

    /// What to run: the entrypoint and then the command.
    pub fn args(&self) -> Vec<String> {
        let config = self.spec.config().as_ref();
        let part = |part: Option<&Vec<String>>| part.cloned().unwrap_or_default();
        let mut args = part(config.and_then(|config| config.entrypoint().as_ref()));
        args.extend(part(config.and_then(|config| config.cmd().as_ref())));
        args
    }

    /// The environment, `NAME=VALUE` each.
    pub fn env(&self) -> &[String] {
        let config = self.spec.config().as_ref();
        config
            .and_then(|config| config.env().as_deref())
            .unwrap_or_default()
    }

    /// The user to run as, in the image's form: `UID[:GID]` or names; empty for root.
    pub fn user(&self) -> &str {
        let config = self.spec.config().as_ref();
        config
            .and_then(|config| config.user().as_deref())
            .unwrap_or_default()
    }

    /// The working directory; `/` if the image sets none.
    pub fn working_dir(&self) -> &str {
        let config = self.spec.config().as_ref();
        let dir = config
            .and_then(|config| config.working_dir().as_deref())
            .unwrap_or_default();
        if dir.is_empty() { "/" } else { dir }
    }
}
