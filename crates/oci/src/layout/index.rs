//! `index.json`: the images of the layout, and their names.

use serde_json::Value;

use super::file::replace_file;
use super::{Layout, LayoutError};
use crate::image::{DocumentError, Index, canonical};
use crate::{Descriptor, Kind, Reference, annotation};

impl Layout {
    /// The entries of `index.json`: images, and referrers of images.
    ///
    /// # Errors
    /// If it is missing or not an index.
    pub fn entries(&self) -> Result<Vec<Descriptor>, LayoutError> {
        let path = self.root.join("index.json");
        let index = match &self.archive {
            Some(archive) => Index::parse(&archive.index),
            None => Index::parse(&Self::read_small(&path)?),
        };
        index
            .map(|index| index.manifests)
            .map_err(|source| LayoutError::Document { path, source })
    }

    /// The images. Entries without a name that refer to another image, such as its bill of materials, are not
    /// among them.
    ///
    /// # Errors
    /// If `index.json`, or an entry without a name, cannot be read.
    pub fn images(&self) -> Result<Vec<Descriptor>, LayoutError> {
        let mut images = Vec::new();
        for entry in self.entries()? {
            if entry.ref_name().is_some() || self.referrer(&entry)?.is_none() {
                images.push(entry);
            }
        }
        Ok(images)
    }

    /// The image that `reference` names: by digest if it has one, else by the name in
    /// `index.json`, which is the whole reference.
    ///
    /// A digest is looked up among the images, and below them among the manifests of indexes.
    ///
    /// # Errors
    /// [`LayoutError::NoSuchImage`] if there is none.
    pub fn find(&self, reference: &Reference) -> Result<Descriptor, LayoutError> {
        let images = self.entries()?;
        let found = if let Some(digest) = reference.digest() {
            let is = |image: &Descriptor| image.digest == digest;
            let here = images.iter().find(|image| is(image)).cloned();
            here.or_else(|| self.find_below(&images, is))
        } else {
            let name = reference.to_string();
            let named = |image: &&Descriptor| {
                let is = |key| image.annotations.get(key) == Some(&name);
                is(annotation::CONTAINERD_IMAGE_NAME) || is(annotation::REF_NAME)
            };
            images.iter().find(named).cloned()
        };
        found.ok_or_else(|| LayoutError::NoSuchImage {
            path: self.root.clone(),
            reference: Box::new(reference.clone()),
            available: list(&images),
        })
    }

    /// An index that cannot be read is skipped.
    fn find_below(
        &self,
        images: &[Descriptor],
        wanted: impl Fn(&Descriptor) -> bool,
    ) -> Option<Descriptor> {
        let indexes = images
            .iter()
            .filter(|image| image.media_type.kind() == Kind::Index);
        indexes
            .filter_map(|image| self.index(image).ok())
            .flat_map(|index| index.manifests)
            .find(wanted)
    }

    /// Adds an image to `index.json`, in the place of the one that had its name.
    ///
    /// An entry without a name takes the place of one with the same digest. Fields of other tools that are
    /// unknown here are preserved.
    ///
    /// # Errors
    /// If `index.json` is not an index or cannot be written.
    pub fn put_index_entry(&self, descriptor: &Descriptor) -> Result<(), LayoutError> {
        let _lock = self.lock()?;
        let path = self.root.join("index.json");
        let bytes = Self::read_small(&path)?;
        let document = |source| LayoutError::Document {
            path: path.clone(),
            source,
        };
        Index::parse(&bytes).map_err(document)?;
        let mut index: Value = serde_json::from_slice(&bytes).map_err(|source| {
            document(DocumentError::Json {
                what: "image index",
                source,
            })
        })?;
        let entry = serde_json::to_value(descriptor).map_err(|source| {
            document(DocumentError::Json {
                what: "image descriptor",
                source,
            })
        })?;
        if index["manifests"].is_null() {
            index["manifests"] = Value::Array(Vec::new());
        }
        if let Value::Array(entries) = &mut index["manifests"] {
            match entries.iter().position(|other| same_place(other, &entry)) {
                Some(at) => entries[at] = entry,
                None => entries.push(entry),
            }
        }
        let changed = canonical(&index);
        if changed == bytes {
            return Ok(());
        }
        replace_file(&self.ingest(), &path, &changed)
    }
}

fn same_place(a: &Value, b: &Value) -> bool {
    let name = |entry: &Value| {
        entry["annotations"][annotation::REF_NAME]
            .as_str()
            .map(str::to_owned)
    };
    match (name(a), name(b)) {
        (None, None) => a["digest"] == b["digest"],
        (a, b) => a == b,
    }
}

fn list(images: &[Descriptor]) -> String {
    if images.is_empty() {
        return "none".to_owned();
    }
    let shown = images.iter().take(10).map(|image| {
        image
            .ref_name()
            .map_or_else(|| image.digest.to_string(), |name| format!("`{name}`"))
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if images.len() > 10 {
        text.push_str(", …");
    }
    text
}
