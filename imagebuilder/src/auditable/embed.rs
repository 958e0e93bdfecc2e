//! Adds the list to a copy of the binary, which goes into the image.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use cargo_metadata::PackageId;
use object::ReadCache;

use super::Crates;
use super::section::{self, Addition, SectionError};
use crate::cargo::Build;
use crate::workspace::{Service, Workspace};

/// Why the list of crates cannot be put into a binary.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmbedError {
    #[error("cannot read `{}`", path.display())]
    Lock {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot parse `{}`", path.display())]
    ParseLock {
        path: PathBuf,
        #[source]
        source: Box<toml::de::Error>,
    },
    #[error("cannot add the list of crates to `{}`", path.display())]
    Section {
        path: PathBuf,
        #[source]
        source: SectionError,
    },
    #[error("cannot write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// A binary with its list of crates.
#[derive(Debug)]
pub(crate) struct Embedded {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
}

/// Writes a copy of `binary`, an open file of `build`, with its list of crates, to `path`, unless that copy
/// already exists. `None` if the binary has a list already, from `cargo auditable`.
pub(crate) fn embed(
    workspace: &Workspace,
    service: &Service,
    build: &Build,
    (binary, file): (&Path, &File),
    path: PathBuf,
) -> Result<Option<Embedded>, EmbedError> {
    let crates = crates(workspace, service, build)?;
    let write = |source| EmbedError::Write {
        path: path.clone(),
        source,
    };
    let size = file.metadata().map_err(write)?.len();
    let addition = section::add(&ReadCache::new(file), size, &crates);
    let addition = addition.map_err(|source| EmbedError::Section {
        path: binary.to_owned(),
        source,
    })?;
    let Some(addition) = addition else {
        return Ok(None);
    };
    let embedded = match current(&path, file, &addition) {
        Some(file) => file,
        None => store(&path, file, &addition).map_err(write)?,
    };
    Ok(Some(Embedded {
        path,
        file: embedded,
    }))
}

fn crates(workspace: &Workspace, service: &Service, build: &Build) -> Result<Crates, EmbedError> {
    let path = workspace.root().join("Cargo.lock");
    let lock = fs::read_to_string(&path).map_err(|source| EmbedError::Lock {
        path: path.clone(),
        source,
    })?;
    let root = PackageId {
        repr: service.id.clone(),
    };
    let only_builds =
        |package: &str, dependency: &str| workspace.only_builds_with(package, dependency);
    let crates = Crates::new(&root, &build.packages, &lock, &only_builds);
    crates.map_err(|source| EmbedError::ParseLock {
        path,
        source: Box::new(source),
    })
}

/// The file at `path` if it is `binary` with `addition`. As in Cargo, this is decided by its modification
/// time, which is copied from the binary.
fn current(path: &Path, binary: &File, addition: &Addition) -> Option<File> {
    let file = File::open(path).ok()?;
    let (from, to) = (binary.metadata().ok()?, file.metadata().ok()?);
    if from.modified().ok()? != to.modified().ok()?
        || from.len() + addition.tail.len() as u64 != to.len()
    {
        return None;
    }
    let mut head = vec![0; addition.head.len()];
    file.read_exact_at(&mut head, 0).ok()?;
    let mut tail = vec![0; addition.tail.len()];
    file.read_exact_at(&mut tail, from.len()).ok()?;
    (head == addition.head && tail == addition.tail).then_some(file)
}

fn store(path: &Path, mut binary: &File, addition: &Addition) -> io::Result<File> {
    let directory = path.parent().expect("it is in a directory of ours");
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    let metadata = binary.metadata()?;
    binary.seek(SeekFrom::Start(0))?;
    io::copy(&mut binary.take(metadata.len()), file.as_file_mut())?;
    file.write_all(&addition.tail)?;
    file.as_file().write_all_at(&addition.head, 0)?;
    file.as_file().set_modified(metadata.modified()?)?;
    Ok(file.persist(path)?)
}
