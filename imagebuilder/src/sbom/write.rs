//! Creates the bill of materials of a compiled binary.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, PackageId};
use oci::{Digest, Platform};

use super::bom::{Bom, Subject};
use super::error::SbomError;
use super::format::Format;
use super::lock::Checksums;
use crate::files;
use crate::workspace::{Service, Workspace, WorkspaceError};

/// A binary that Cargo compiled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compiled<'a> {
    pub(crate) bin: &'a str,
    pub(crate) platform: &'a Platform,
    pub(crate) triple: &'a str,
    /// The binary's digest.
    pub(crate) digest: Digest,
    /// The packages that Cargo compiled for the target.
    pub(crate) packages: &'a BTreeSet<PackageId>,
    /// The time of everything in the image, as RFC 3339.
    pub(crate) created: &'a str,
}

/// A document, and the name of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bill {
    pub(crate) name: String,
    pub(crate) document: Vec<u8>,
}

/// The bill of materials of one of a service's binaries. `dependencies` gets the dependency graph from
/// Cargo.
pub(crate) fn bill(
    format: Format,
    workspace: &Workspace,
    service: &Service,
    compiled: &Compiled<'_>,
    dependencies: impl FnOnce() -> Result<Metadata, WorkspaceError>,
) -> Result<Bill, SbomError> {
    let error = |source| SbomError::Graph {
        package: service.package.clone(),
        source: Box::new(source),
    };
    let graph = || error(WorkspaceError::NoGraph);
    let metadata = dependencies().map_err(error)?;
    let checksums = Checksums::read(&workspace.root().join("Cargo.lock"))?;
    let package = metadata
        .workspace_packages()
        .into_iter()
        .find(|package| package.id.repr == service.id)
        .ok_or_else(graph)?;
    let subject = Subject {
        package: package.id.clone(),
        bin: compiled.bin.to_owned(),
        sha256: compiled.digest.hex(),
        triple: compiled.triple.to_owned(),
        created: compiled.created.to_owned(),
    };
    let bom = Bom::new(subject, &metadata, compiled.packages, &checksums).ok_or_else(graph)?;
    Ok(Bill {
        name: file_name(compiled.bin, compiled.platform, format),
        document: format.document(&bom),
    })
}

impl Bill {
    /// Writes it atomically to a file of its name in a directory. Returns the file's path.
    pub(crate) fn write(&self, directory: &Path) -> Result<PathBuf, SbomError> {
        let path = directory.join(&self.name);
        let written = files::replace(&path, &self.document, 0o644);
        written.map_err(|source| SbomError::Write {
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }
}

fn file_name(bin: &str, platform: &Platform, format: Format) -> String {
    let platform = platform.to_string().replace('/', "-");
    format!("{bin}-{platform}.{}", format.extension())
}
