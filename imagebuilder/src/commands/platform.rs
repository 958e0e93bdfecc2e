//! Selects the image for one platform.

use std::io::{self, Read as _};

use oci::copy::Source;
use oci::image::{Config, Index, MAX_DOCUMENT_BYTES, Manifest, NoPlatform};
use oci::{Descriptor, Kind, Platform};

use super::CommandError;
use crate::image_source::SourceError;

/// The image itself or, if `platform` is given, its image for that platform. An image without an index has
/// a platform too, in its configuration. `from` is the place that an error names.
pub(super) fn select<S: Source>(
    source: &S,
    root: &Descriptor,
    platform: Option<&Platform>,
    from: &str,
) -> Result<Descriptor, CommandError>
where
    SourceError: From<S::Error>,
{
    let Some(platform) = platform else {
        return Ok(root.clone());
    };
    let none = |source| CommandError::Platform {
        from: from.to_owned(),
        source: Box::new(source),
    };
    let digest = root.digest;
    let invalid = |source| CommandError::Source(SourceError::Document { digest, source });
    let bytes = source.document(root);
    let bytes = bytes.map_err(|error| CommandError::Source(error.into()))?;
    if root.media_type.kind() == Kind::Index {
        let index = Index::parse(&bytes).map_err(invalid)?;
        return index.select(platform).cloned().map_err(none);
    }
    let config = Manifest::parse(&bytes).map_err(invalid)?.config;
    let own = match config.media_type.kind() {
        Kind::Config => Some(platform_of(source, &config).map_err(CommandError::Source)?),
        _ => None,
    };
    if own.as_ref().is_some_and(|own| own.runs_on(platform)) {
        return Ok(root.clone());
    }
    Err(none(NoPlatform {
        wanted: platform.clone(),
        available: own.map_or_else(|| "none".to_owned(), |own| own.to_string()),
    }))
}

/// The platform in a configuration.
fn platform_of<S: Source>(source: &S, config: &Descriptor) -> Result<Platform, SourceError> {
    let digest = config.digest;
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let reader = source.open(config)?;
        reader.take(MAX_DOCUMENT_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|source| SourceError::Read { digest, source })?;
    let config = Config::parse(&bytes);
    let config = config.map_err(|source| SourceError::Document { digest, source })?;
    Ok(config.platform())
}
