//! What an asset is in the image.

use std::path::PathBuf;

use super::setting::FileMode;
use crate::setting_values::User;

/// A file, directory or link that goes into the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asset {
    pub(crate) source: Source,
    pub(crate) mode: FileMode,
    pub(crate) owner: User,
}

/// The content of an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File { path: PathBuf, size: u64 },
    Directory,
    Link { target: String },
}
