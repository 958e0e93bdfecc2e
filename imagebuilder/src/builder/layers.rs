//! The layers of an image on top of its base.

use std::collections::BTreeMap;

use crate::assets::Asset;
use crate::base::{self, Base};
use crate::layer::{Files, Layer, LayerError, Packer};

/// The layers that all platforms share: the files of an image without a base, and the assets.
pub(super) fn shared(
    packer: &Packer<'_>,
    base: Option<&Base>,
    assets: &BTreeMap<String, Asset>,
) -> Result<Vec<Layer>, LayerError> {
    let mut layers = Vec::new();
    if base.is_none() {
        layers.push(base::layer(packer)?);
    }
    if !assets.is_empty() {
        let mut files = Files::default();
        for (path, asset) in assets {
            files.asset(path, asset);
        }
        layers.push(packer.pack(&files, "imagebuilder: assets")?);
    }
    Ok(layers)
}

/// The layers of binaries that Cargo compiled with a profile, each of which has the files of one.
pub(super) fn of_binaries(
    packer: &Packer<'_>,
    profile: &str,
    binaries: &[Files],
) -> Result<Vec<Layer>, LayerError> {
    let created_by = match profile {
        "release" => "imagebuilder: cargo build --release".to_owned(),
        profile => format!("imagebuilder: cargo build --profile {profile}"),
    };
    let layers = binaries.iter();
    let layers = layers.map(|files| packer.pack(files, &created_by));
    layers.collect()
}
