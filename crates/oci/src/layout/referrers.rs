//! What refers to an image of the layout. Other tools list it in `index.json`, without a name.

use super::{Layout, LayoutError};
use crate::image::Referrer;
use crate::{Descriptor, Digest, Kind};

impl Layout {
    /// The entries of `index.json` whose subject is `subject`, as a registry would list them.
    ///
    /// # Errors
    /// When `index.json` or one of them cannot be read.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, LayoutError> {
        let mut found = Vec::new();
        for entry in self.images()? {
            if let Some(referrer) = self.referrer(&entry)?
                && referrer.subject.digest == *subject
            {
                found.push(referrer.descriptor);
            }
        }
        Ok(found)
    }

    /// What an entry of `index.json` refers to, where it has a subject.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn referrer(&self, entry: &Descriptor) -> Result<Option<Referrer>, LayoutError> {
        if !matches!(entry.media_type.kind(), Kind::Manifest | Kind::Index) {
            return Ok(None);
        }
        let bytes = self.document(entry)?;
        let referrer = Referrer::parse(&entry.media_type, &bytes);
        referrer.map_err(|source| LayoutError::Document {
            path: self.blob_path(&entry.digest),
            source,
        })
    }
}
