//! A document that is attached to an image: a manifest whose subject is the image.

use std::collections::BTreeMap;

use oci::image::{EMPTY_JSON, Manifest, Referrer};
use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, annotation};

/// A document to attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Artifact<'a> {
    /// The artifact type, by which it is found among the referrers of the image.
    pub(crate) media_type: &'static str,
    /// The name of its file, if it has one.
    pub(crate) title: Option<&'a str>,
    /// The annotations of the manifest.
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) document: &'a [u8],
}

impl Artifact<'_> {
    /// Stores the document and its manifest in `layout`, whose index does not list it yet. Returns its
    /// descriptor in a list of referrers.
    pub(crate) fn store(
        &self,
        layout: &Layout,
        subject: &Descriptor,
    ) -> Result<Descriptor, LayoutError> {
        let mut blob = Descriptor::of(self.media_type, self.document);
        if let Some(title) = self.title {
            let title = (annotation::TITLE.to_owned(), title.to_owned());
            blob.annotations.extend([title]);
        }
        let mut manifest = Manifest::artifact(self.media_type, subject, vec![blob]);
        manifest.annotations.clone_from(&self.annotations);
        let (bytes, descriptor) = manifest.to_bytes();
        for content in [EMPTY_JSON, self.document, &bytes] {
            layout.write_bytes(content)?;
        }
        let referrer = Referrer::parse(&descriptor.media_type, &bytes);
        let referrer = referrer.expect("it is a manifest");
        Ok(referrer.expect("it has a subject").descriptor)
    }
}
