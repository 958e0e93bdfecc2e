//! An image to copy, and its destination.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use oci::copy::{CopyError, copy};
use oci::image::{Index, Manifest};
use oci::layout::{Layout, LayoutError};
use oci::registry::{Credentials, Keychain, RegistryError, Repository, Retry, Secret, Settings};
use oci::{Descriptor, Digest, MediaType, Platform};
use test_registry::TestRegistry;

pub(crate) const NAME: &str = "team/app";

/// A layout with an index of two images that share a layer.
pub(crate) struct Image {
    _directory: tempfile::TempDir,
    pub(crate) layout: Layout,
    pub(crate) root: Descriptor,
}

pub(crate) fn image() -> Image {
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::create(directory.path()).unwrap();
    let put = |media_type: &str, bytes: &[u8]| {
        layout.write_bytes(bytes).unwrap();
        Descriptor::of(media_type, bytes)
    };
    let base = put(MediaType::OCI_LAYER_GZIP, b"the base");
    let children = ["amd64", "arm64"].map(|architecture| {
        let layer = put(
            MediaType::OCI_LAYER_GZIP,
            architecture.repeat(1000).as_bytes(),
        );
        let config = put(
            MediaType::OCI_CONFIG,
            format!("{{\"a\":\"{architecture}\"}}").as_bytes(),
        );
        let (bytes, mut child) = Manifest::new(config, vec![base.clone(), layer]).to_bytes();
        layout.write_bytes(&bytes).unwrap();
        child.platform = Some(Platform::linux(architecture));
        child
    });
    let (bytes, root) = Index::new(children.to_vec()).to_bytes();
    layout.write_bytes(&bytes).unwrap();
    Image {
        _directory: directory,
        layout,
        root,
    }
}

pub(crate) fn settings() -> Settings {
    let (first, longest) = (Duration::from_millis(1), Duration::from_millis(4));
    Settings {
        retry: Retry {
            attempts: 5,
            first,
            longest,
            ..Retry::default()
        },
        ..Settings::default()
    }
}

pub(crate) fn anyone() -> Arc<dyn Keychain> {
    Arc::new(Credentials::Anonymous)
}

pub(crate) fn someone() -> Arc<dyn Keychain> {
    let (username, password) = ("AWS".to_owned(), Secret::new("hunter2"));
    Arc::new(Credentials::Basic { username, password })
}

pub(crate) fn repository(registry: &TestRegistry) -> Repository {
    Repository::push(&registry.reference(NAME), settings(), anyone()).unwrap()
}

pub(crate) type PushError = CopyError<LayoutError, RegistryError>;

pub(crate) fn push(image: &Image, repository: &Repository, tags: &[&str]) -> Result<(), PushError> {
    copy(&image.layout, repository, &image.root, tags, &|_| {})
}

/// Asserts that the registry has the whole image and its tag.
pub(crate) fn assert_there(registry: &TestRegistry, image: &Image, tag: &str) {
    assert_eq!(registry.tag(NAME, tag), Some(image.root.digest));
    let target = tempfile::tempdir().unwrap();
    let layout = Layout::create(target.path()).unwrap();
    copy(&repository(registry), &layout, &image.root, &["x"], &|_| {}).unwrap();
    for child in layout.index(&image.root).unwrap().manifests {
        for layer in layout.manifest(&child).unwrap().layers {
            io::copy(&mut layout.blob(&layer).unwrap(), &mut io::sink()).unwrap();
        }
    }
}

/// As [`assert_there`], but inspects the registry's content directly instead of pulling.
pub(crate) fn assert_complete(registry: &TestRegistry, image: &Image, tag: &str) {
    assert_eq!(registry.tag(NAME, tag), Some(image.root.digest));
    let document = |digest| {
        let bytes = registry.manifest(NAME, digest).unwrap();
        assert_eq!(Digest::of(&bytes), digest);
        bytes
    };
    for child in Index::parse(&document(image.root.digest))
        .unwrap()
        .manifests
    {
        let manifest = Manifest::parse(&document(child.digest)).unwrap();
        for blob in manifest.layers.iter().chain([&manifest.config]) {
            let bytes = registry.blob(blob.digest).unwrap();
            assert_eq!(Digest::of(&bytes), blob.digest);
        }
    }
}

/// The registry's error inside a copy's.
pub(crate) fn cause(error: &PushError) -> &RegistryError {
    match error {
        CopyError::Write { source, .. } | CopyError::Name { source, .. } => source,
        CopyError::Read { .. } | CopyError::Document { .. } | CopyError::Kind { .. } => {
            panic!("{error}")
        }
    }
}
