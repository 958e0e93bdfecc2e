//! A document that is attached to an image, as a manifest that names the image as its subject.

use std::collections::BTreeMap;

use oci::image::{EMPTY_JSON, Manifest, Referrer};
use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, annotation};

/// A document to attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Artifact<'a> {
    /// By which it is found among what refers to the image.
    pub(crate) media_type: &'static str,
    /// The name of its file, where it has one.
    pub(crate) title: Option<&'a str>,
    /// Of the manifest.
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) document: &'a [u8],
}

impl Artifact<'_> {
    /// Stores the document and its manifest in `layout`, whose index does not list it yet. Returns what a
    /// list of referrers has of it.
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
