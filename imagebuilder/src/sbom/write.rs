//! From a compiled binary to its document in a directory.

use std::collections::BTreeSet;
use std::path::PathBuf;

use cargo_metadata::{Metadata, PackageId};
use oci::{Digest, Platform};

use super::bom::{Bom, Subject};
use super::lock::{Checksums, LockError};
use super::{Format, Sbom};
use crate::files;
use crate::workspace::{Service, Workspace, WorkspaceError};

/// Why a bill of materials could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SbomError {
    /// Cargo did not report the dependency graph.
    #[error("cannot read the dependencies of package `{package}`")]
    Graph {
        package: String,
        #[source]
        source: Box<WorkspaceError>,
    },
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("cannot write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// A binary that Cargo compiled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compiled<'a> {
    pub(crate) platform: &'a Platform,
    pub(crate) triple: &'a str,
    /// The binary's digest.
    pub(crate) digest: Digest,
    /// The packages that Cargo compiled for the target.
    pub(crate) packages: &'a BTreeSet<PackageId>,
    /// The time of everything in the image, as RFC 3339.
    pub(crate) created: &'a str,
}

/// Writes the bill of a service's binary to `NAME-OS-ARCH.FORMAT` in the directory, whole or not at
/// all, and returns the file's path. `dependencies` asks Cargo for the dependency graph.
pub(crate) fn write(
    sbom: &Sbom,
    workspace: &Workspace,
    service: &Service,
    compiled: &Compiled<'_>,
    dependencies: impl FnOnce() -> Result<Metadata, WorkspaceError>,
) -> Result<PathBuf, SbomError> {
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
        .find(|package| package.name.as_str() == service.package)
        .ok_or_else(graph)?;
    let subject = Subject {
        package: package.id.clone(),
        bin: service.bin.clone(),
        sha256: compiled.digest.hex(),
        triple: compiled.triple.to_owned(),
        created: compiled.created.to_owned(),
    };
    let bom = Bom::new(subject, &metadata, compiled.packages, &checksums).ok_or_else(graph)?;
    let name = file_name(&service.bin, compiled.platform, sbom.format);
    let path = sbom.directory.join(name);
    files::replace(&path, &sbom.format.document(&bom), 0o644).map_err(|source| {
        SbomError::Write {
            path: path.clone(),
            source,
        }
    })?;
    Ok(path)
}

fn file_name(bin: &str, platform: &Platform, format: Format) -> String {
    let platform = platform.to_string().replace('/', "-");
    format!("{bin}-{platform}.{}", format.extension())
}
