//! The size of an image in an OCI layout (image-spec, "OCI Image Layout").

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::results::Image;

/// Adds up the first image of the layout: manifest, configuration and layers.
pub(crate) fn measure(layout: &Path) -> anyhow::Result<Image> {
    let index = read(&layout.join("index.json"))?;
    let mut descriptor = index["manifests"][0].clone();
    let mut document = blob(layout, &descriptor)?;
    // Of an index, the first platform.
    if document["manifests"].is_array() {
        descriptor = document["manifests"][0].clone();
        document = blob(layout, &descriptor)?;
    }
    let Some(layers) = document["layers"].as_array() else {
        bail!("the first manifest of {} has no layers", layout.display());
    };
    let sizes = layers.iter().chain([&document["config"], &descriptor]);
    let compressed_bytes = sizes.filter_map(|part| part["size"].as_u64()).sum();
    Ok(Image { compressed_bytes })
}

fn blob(layout: &Path, descriptor: &Value) -> anyhow::Result<Value> {
    let digest = descriptor["digest"]
        .as_str()
        .context("a descriptor without a digest")?;
    read(&layout.join("blobs").join(digest.replacen(':', "/", 1)))
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} is not JSON", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_size_is_that_of_all_its_parts() {
        let layout = tempfile::tempdir().unwrap();
        let put = |path: &str, json: &str| {
            let path = layout.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, json).unwrap();
        };
        put(
            "index.json",
            r#"{"manifests":[{"digest":"sha256:aa","size":7}]}"#,
        );
        put(
            "blobs/sha256/aa",
            r#"{"manifests":[{"digest":"sha256:bb","size":500}]}"#,
        );
        let manifest = r#"{"config":{"size":20},"layers":[{"size":1000},{"size":3}]}"#;
        put("blobs/sha256/bb", manifest);
        assert_eq!(measure(layout.path()).unwrap().compressed_bytes, 1523);

        put("index.json", r#"{"manifests":[]}"#);
        assert!(
            measure(layout.path()).is_err(),
            "an empty layout has no image"
        );
    }
}
