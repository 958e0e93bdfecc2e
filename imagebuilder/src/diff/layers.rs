//! Compares two layers at the same index.

use std::collections::BTreeSet;

use oci::Descriptor;

use super::bytes;
use super::files::{Extracted, Files};
use super::report::{FileChange, LayerChange, Side, What};
use crate::contents::{ContentError, Entry};
use crate::image_source::ImageSource;

/// A layer, and where it is.
#[derive(Clone, Copy)]
pub(super) struct Layer<'a> {
    pub(super) source: &'a ImageSource,
    pub(super) descriptor: &'a Descriptor,
}

/// The differences of the layers with the index `layer`: first of the layer itself, then of its files.
pub(super) fn compare(
    layer: usize,
    a: Option<Layer<'_>>,
    b: Option<Layer<'_>>,
) -> Result<Vec<What>, ContentError> {
    let digest = |layer: Option<Layer<'_>>| layer.map(|layer| layer.descriptor.digest);
    let what = |why| What::Layer {
        layer,
        a: digest(a),
        b: digest(b),
        why,
    };
    let (Some(a), Some(b)) = (a, b) else {
        return Ok(vec![what(LayerChange::Missing)]);
    };
    if a.descriptor.digest == b.descriptor.digest {
        return Ok(Vec::new());
    }
    let (files_a, files_b) = (
        Files::read(a.source, a.descriptor)?,
        Files::read(b.source, b.descriptor)?,
    );
    if files_a.diff_id == files_b.diff_id {
        return Ok(vec![what(LayerChange::Compression)]);
    }
    let mut changes: Vec<(&str, FileChange)> = Vec::new();
    let mut contents = BTreeSet::new();
    let paths = files_a.entries.keys().chain(files_b.entries.keys());
    for path in paths.collect::<BTreeSet<_>>() {
        match (files_a.entries.get(path), files_b.entries.get(path)) {
            (Some((a, a_digest)), Some((b, b_digest))) => {
                changes.extend(attributes(a, b).map(|change| (path.as_str(), change)));
                if a_digest != b_digest {
                    contents.insert(path.as_str());
                }
            }
            (Some(_), None) => changes.push((path, FileChange::Only { only_in: Side::A })),
            (None, _) => changes.push((path, FileChange::Only { only_in: Side::B })),
        }
    }
    if !contents.is_empty() {
        let left = Extracted::read(a.source, a.descriptor, &contents)?;
        let right = Extracted::read(b.source, b.descriptor, &contents)?;
        for path in contents {
            let compared = left
                .open(path)
                .and_then(|left| bytes::compare(left, right.open(path)?));
            let (first_byte, different_bytes) = compared.map_err(|source| ContentError::Read {
                digest: a.descriptor.digest,
                source,
            })?;
            let change = FileChange::Content {
                first_byte,
                different_bytes,
                a_bytes: files_a.entries[path].0.size_bytes,
                b_bytes: files_b.entries[path].0.size_bytes,
            };
            changes.push((path, change));
        }
        changes.sort_by_key(|(path, _)| *path);
    }
    let why = if changes.is_empty() {
        LayerChange::Tar
    } else {
        LayerChange::Files
    };
    let files = changes.into_iter().map(|(path, change)| What::File {
        layer,
        path: path.to_owned(),
        change,
    });
    Ok(std::iter::once(what(why)).chain(files).collect())
}

fn attributes(a: &Entry, b: &Entry) -> impl Iterator<Item = FileChange> {
    let owner = |entry: &Entry| format!("{}:{}", entry.uid, entry.gid);
    let target = |entry: &Entry| entry.target.clone().unwrap_or_default();
    let pairs = [
        ("mode", a.mode.clone(), b.mode.clone()),
        ("owner", owner(a), owner(b)),
        ("time", a.modified.to_string(), b.modified.to_string()),
        ("link", target(a), target(b)),
    ];
    pairs
        .into_iter()
        .filter(|(_, a, b)| a != b)
        .map(|(attribute, a, b)| FileChange::Attribute { attribute, a, b })
}
