//! The assets of a service.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::build::Builder;
use super::error::BuildError;
use super::names::image_path;
use crate::assets::{self, Asset, Source};
use crate::workspace::Service;

impl Builder {
    /// The assets of a service, none of which has the path of a binary.
    pub(super) fn assets(&self, service: &Service) -> Result<BTreeMap<String, Asset>, BuildError> {
        let settings = &service.settings;
        let folder = &settings.assets_folder;
        let root = self.workspace.root();
        let mut skipped = self.workspace.target_dirs();
        skipped.extend(self.options.outputs.iter().map(PathBuf::as_path));
        let assets = assets::collect(&settings.assets, folder, root, &skipped)?;
        let binaries: Vec<String> = service.bins().map(image_path).collect();
        let is_over = |path: &str, asset: &Asset| {
            let is_parent = binaries[0].starts_with(&format!("{path}/"));
            binaries.iter().any(|binary| path == binary)
                || (is_parent && asset.source != Source::Directory)
        };
        match assets.iter().find(|(path, asset)| is_over(path, asset)) {
            Some((path, _)) => {
                let path = path.clone();
                Err(BuildError::AssetOverBinary { path })
            }
            None => Ok(assets),
        }
    }
}
