//! The assets of an image, and which of them exclude each other.

use std::collections::BTreeMap;

use super::super::asset::{Asset, Source};
use super::super::error::AssetError;

/// The prefix of the names that delete files of the layers below
/// ([layer.md](https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts)).
const WHITEOUT: &str = ".wh.";

/// Assets by their paths in the image, without a leading slash. Only directories have others below them.
#[derive(Default)]
pub(super) struct AssetSet(BTreeMap<String, Asset>);

impl AssetSet {
    /// Adds an asset, unless a file or link has its path or one above it, or it is one and has others below it.
    pub(super) fn insert(&mut self, path: &str, asset: Asset) -> Result<(), AssetError> {
        if path.split('/').any(|name| name.starts_with(WHITEOUT)) {
            let path = path.to_owned();
            return Err(AssetError::Whiteout { path });
        }
        if let Some(taken) = self.conflict(path, &asset) {
            let path = taken.to_owned();
            return Err(AssetError::Twice { path });
        }
        self.0.insert(path.to_owned(), asset);
        Ok(())
    }

    /// The path that `asset` would share with another one, if it were added at `path`.
    fn conflict<'a>(&self, path: &'a str, asset: &Asset) -> Option<&'a str> {
        let is_file = |asset: &Asset| asset.source != Source::Directory;
        // Two trees may share a directory: the later one sets its properties.
        let own = self.0.get(path);
        if own.is_some_and(|own| is_file(own) || is_file(asset)) {
            return Some(path);
        }
        let mut parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        let file_above = parents.find(|parent| self.0.get(*parent).is_some_and(is_file));
        if file_above.is_some() {
            return file_above;
        }
        let prefix = format!("{path}/");
        let mut below = self.0.range(prefix.clone()..);
        let has_children = below
            .next()
            .is_some_and(|(path, _)| path.starts_with(&prefix));
        (is_file(asset) && has_children).then_some(path)
    }

    /// The assets by their paths.
    pub(super) fn into_map(self) -> BTreeMap<String, Asset> {
        self.0
    }
}
