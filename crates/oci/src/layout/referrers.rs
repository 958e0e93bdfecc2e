//! The referrers of an image in the layout. Other tools list them in `index.json`, without a name.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use super::{Layout, LayoutError};
use crate::image::Referrer;
use crate::{Descriptor, Digest, Kind};

impl Layout {
    /// The entries of `index.json` whose subject is one of `subjects`, as a registry would list them.
    ///
    /// # Errors
    /// If `index.json` or one of them cannot be read.
    pub fn referrers(&self, subjects: &BTreeSet<Digest>) -> Result<Vec<Descriptor>, LayoutError> {
        let mut found = Vec::new();
        for entry in self.entries()? {
            if let Some(referrer) = self.referrer(&entry)?
                && subjects.contains(&referrer.subject.digest)
            {
                found.push(referrer.descriptor);
            }
        }
        Ok(found)
    }

    /// The subject of an entry of `index.json`, if it has one. Each document is read once, since its digest
    /// determines its subject.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn referrer(&self, entry: &Descriptor) -> Result<Option<Referrer>, LayoutError> {
        if !matches!(entry.media_type.kind(), Kind::Manifest | Kind::Index) {
            return Ok(None);
        }
        let known = |layout: &Self| {
            let known = layout.referrers.lock();
            let known = known.unwrap_or_else(PoisonError::into_inner);
            known.get(&entry.digest).cloned()
        };
        if let Some(known) = known(self) {
            return Ok(known);
        }
        let bytes = self.document(entry)?;
        let referrer = Referrer::parse(&entry.media_type, &bytes);
        let referrer = referrer.map_err(|source| LayoutError::Document {
            path: self.blob_path(&entry.digest),
            source,
        })?;
        let known = self.referrers.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        known.insert(entry.digest, referrer.clone());
        Ok(referrer)
    }
}
