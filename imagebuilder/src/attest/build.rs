//! Attaches provenance to an image that was built, and signs the image and its attachments.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use cargo_metadata::PackageId;
use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, Platform};

use super::provenance::Provenance;
use super::sign::{attach_signed, sign};
use super::{Artifact, statement};
use crate::options::{Attest, Options, ProvenanceOptions};
use crate::toolchain::Toolchain;
use crate::workspace::Service;

/// Why an image could not be attested.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AttestError {
    #[error(transparent)]
    Layout(#[from] LayoutError),
    #[error("cannot read `{}`", path.display())]
    Lock {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot parse `{}`", path.display())]
    ParseLock {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
}

/// The result of a build.
pub(crate) struct Subjects<'a> {
    /// The image's name.
    pub(crate) name: &'a str,
    /// The image, and the manifests of its index.
    pub(crate) images: &'a [Descriptor],
    /// The bills of materials that are attached to them.
    pub(crate) bills: &'a [Descriptor],
}

/// The parameters of the build.
pub(crate) struct BuildFacts<'a> {
    pub(crate) service: &'a Service,
    /// The platforms that it was built for.
    pub(crate) platforms: &'a [Platform],
    pub(crate) options: &'a Options,
    pub(crate) toolchain: &'a Toolchain,
    /// The packages that Cargo compiled, those of build scripts and macros too.
    pub(crate) packages: &'a BTreeSet<PackageId>,
    /// The path of Cargo.lock.
    pub(crate) lock: PathBuf,
}

/// Stores the documents to attach in `layout`, whose index does not list them yet. Returns their
/// descriptors in a list of referrers.
pub(crate) fn attest(
    layout: &Layout,
    subjects: &Subjects<'_>,
    build: &BuildFacts<'_>,
) -> Result<Vec<Descriptor>, AttestError> {
    let Attest { provenance, key } = &build.options.attest;
    let mut attached = Vec::new();
    if let Some(options) = provenance {
        attached = attach_provenance(layout, subjects, build, options)?;
    }
    if let Some(key) = key {
        for subject in subjects.images.iter().chain(subjects.bills) {
            attached.push(sign(layout, subject, key)?);
        }
    }
    Ok(attached)
}

fn attach_provenance(
    layout: &Layout,
    subjects: &Subjects<'_>,
    build: &BuildFacts<'_>,
    options: &ProvenanceOptions,
) -> Result<Vec<Descriptor>, AttestError> {
    let path = &build.lock;
    let lock = std::fs::read_to_string(path).map_err(|source| AttestError::Lock {
        path: path.clone(),
        source,
    })?;
    let provenance = Provenance {
        checkout: &options.checkout,
        service: build.service,
        platforms: build.platforms,
        options: build.options,
        toolchain: build.toolchain,
        packages: build.packages,
        lock: &lock,
        byproducts: subjects.bills,
        builder: &options.builder,
    };
    let digests: Vec<_> = subjects.images.iter().map(|image| image.digest).collect();
    let statement = provenance.statement(subjects.name, &digests);
    let statement = statement.map_err(|source| AttestError::ParseLock {
        path: path.clone(),
        source: Box::new(source),
    })?;
    let attach = |subject: &Descriptor| match &build.options.attest.key {
        Some(key) => attach_signed(layout, subject, &statement, key),
        None => Artifact {
            media_type: statement::MEDIA_TYPE,
            title: None,
            annotations: BTreeMap::from([(
                statement::PREDICATE_TYPE.to_owned(),
                statement.predicate_type.clone(),
            )]),
            document: &statement.to_bytes(),
        }
        .store(layout, subject),
    };
    let attached: Result<Vec<_>, _> = subjects.images.iter().map(attach).collect();
    Ok(attached?)
}
