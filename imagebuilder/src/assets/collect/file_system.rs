//! Reads the file system, with errors that name the asset.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::error::AssetError;

/// Whether there is a file, directory or link at `path`.
pub(super) fn exists(path: &Path) -> Result<bool, AssetError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(false)
        }
        Err(source) => Err(AssetError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// A path without links, `.` and `..`.
pub(super) fn canonical(path: &Path) -> Result<PathBuf, AssetError> {
    path.canonicalize().map_err(|source| AssetError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The entries of a directory, sorted, so that errors do not depend on the file system.
pub(super) fn entries(directory: &Path) -> Result<Vec<PathBuf>, AssetError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(directory)?;
        entries.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths = list().map_err(|source| AssetError::Read {
        path: directory.to_owned(),
        source,
    })?;
    paths.sort();
    Ok(paths)
}

/// The name of a file, which is also its name in the image.
pub(super) fn name(path: &Path) -> Result<String, AssetError> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| AssetError::Name {
        path: path.to_owned(),
    })
}
