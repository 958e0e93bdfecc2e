//! Finds the files of assets.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::error::AssetError;
use super::setting::{AssetSetting, FileMode};
use crate::files::{FileId, file_id};
use crate::links::join;
use crate::setting_values::User;

/// Patterns as in a shell, except that names that begin with a dot match like all others.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// The prefix of the names that delete files of the layers below
/// ([layer.md](https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts)).
const WHITEOUT: &str = ".wh.";

/// A file, directory or link that goes into the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asset {
    pub(crate) source: Source,
    pub(crate) mode: FileMode,
    pub(crate) owner: User,
}

/// The content of an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    File { path: PathBuf, size: u64 },
    Directory,
    Link { target: String },
}

/// Finds the assets in `settings`, relative to `folder`, by their paths in the image without a leading
/// slash. All of them must be inside `root`. The files and directories `skipped`, which builds write, are left out of
/// directories and of the matches of patterns.
///
/// # Errors
/// [`AssetError`], for the first asset that cannot be packed.
pub(crate) fn collect(
    settings: &[AssetSetting],
    folder: &Path,
    root: &Path,
    skipped: &[&Path],
) -> Result<BTreeMap<String, Asset>, AssetError> {
    let mut found = Found {
        root: canonical(root)?,
        skipped: skipped.iter().filter_map(|path| file_id(path)).collect(),
        assets: BTreeMap::new(),
    };
    for setting in settings {
        found.add(setting, folder)?;
    }
    Ok(found.assets)
}

struct Found {
    root: PathBuf,
    skipped: Vec<FileId>,
    assets: BTreeMap<String, Asset>,
}

/// The properties that all files of a setting share.
#[derive(Clone, Copy)]
struct Common<'a> {
    setting: &'a AssetSetting,
    /// The directory that links must stay inside.
    folder: &'a Path,
}

impl Found {
    fn add(&mut self, setting: &AssetSetting, folder: &Path) -> Result<(), AssetError> {
        let dest = setting.dest.0.trim_matches('/').to_owned();
        let path = folder.join(&setting.src);
        let is_pattern = setting.src.contains(['*', '?', '[']);
        match exists(&path) {
            // The name of a file may contain these characters too.
            Ok(true) => {}
            _ if is_pattern => return self.add_matches(setting, folder, &dest),
            Ok(false) => {
                let src = setting.src.clone();
                return Err(AssetError::Missing { src, path });
            }
            Err(error) => return Err(error),
        }
        // If the setting names a link itself, the link's target is packed.
        let actual = canonical(&path)?;
        self.inside(&path, &actual)?;
        if actual.is_dir() {
            let common = Common {
                setting,
                folder: &actual,
            };
            return self.add_directory(common, &actual, &dest);
        }
        let common = Common {
            setting,
            folder: actual.parent().unwrap_or(&actual),
        };
        let dest = if setting.dest.0.ends_with('/') {
            join(&dest, &name(&path)?)
        } else {
            dest
        };
        self.add_entry(common, &actual, &dest)
    }

    /// Adds the matches of a pattern below `dest`, at their paths relative to the folder before the first
    /// component with a pattern.
    fn add_matches(
        &mut self,
        setting: &AssetSetting,
        folder: &Path,
        dest: &str,
    ) -> Result<(), AssetError> {
        let fixed: Vec<&str> = setting
            .src
            .split('/')
            .take_while(|part| !part.contains(['*', '?', '[']))
            .collect();
        let rest: Vec<&str> = setting.src.split('/').skip(fixed.len()).collect();
        let pattern = Pattern::new(&rest.join("/")).map_err(|source| AssetError::Pattern {
            src: setting.src.clone(),
            source,
        })?;
        let start = folder.join(fixed.join("/"));
        let no_match = || AssetError::NoMatch {
            src: setting.src.clone(),
            folder: start.clone(),
        };
        if !exists(&start)? {
            return Err(no_match());
        }
        let actual = canonical(&start)?;
        if !actual.is_dir() {
            return Err(no_match());
        }
        self.inside(&start, &actual)?;
        let common = Common {
            setting,
            folder: &actual,
        };
        let mut open = vec![actual.clone()];
        let mut any = false;
        while let Some(directory) = open.pop() {
            for path in self.entries(&directory)? {
                let below = path.strip_prefix(&actual).expect("it was found there");
                let is_link = path.is_symlink();
                if pattern.matches_path_with(below, OPTIONS) {
                    let text = below
                        .to_str()
                        .ok_or_else(|| AssetError::Name { path: path.clone() })?;
                    let dest = join(dest, text);
                    any = true;
                    if path.is_dir() && !is_link {
                        self.add_directory(common, &path, &dest)?;
                    } else {
                        self.add_entry(common, &path, &dest)?;
                    }
                } else if path.is_dir() && !is_link {
                    open.push(path);
                }
            }
        }
        if any { Ok(()) } else { Err(no_match()) }
    }

    fn add_directory(
        &mut self,
        common: Common<'_>,
        directory: &Path,
        dest: &str,
    ) -> Result<(), AssetError> {
        let mut open = vec![(directory.to_owned(), dest.to_owned())];
        while let Some((directory, dest)) = open.pop() {
            if !dest.is_empty() {
                let mode = common.setting.mode.unwrap_or(FileMode(0o644));
                self.insert(&dest, common, Source::Directory, mode.of_directory())?;
            }
            for path in self.entries(&directory)? {
                let dest = join(&dest, &name(&path)?);
                if path.is_dir() && !path.is_symlink() {
                    open.push((path, dest));
                } else {
                    self.add_entry(common, &path, &dest)?;
                }
            }
        }
        Ok(())
    }

    /// Adds a file or link.
    fn add_entry(&mut self, common: Common<'_>, path: &Path, dest: &str) -> Result<(), AssetError> {
        let read = |source| AssetError::Read {
            path: path.to_owned(),
            source,
        };
        let metadata = fs::symlink_metadata(path).map_err(read)?;
        if metadata.is_symlink() {
            let target = fs::read_link(path).map_err(read)?;
            return self.add_link(common, path, &target, dest);
        }
        if !metadata.is_file() {
            let path = path.to_owned();
            return Err(AssetError::Kind { path });
        }
        // As in git, the executable bit is the only permission that is part of the sources.
        let own = if metadata.permissions().mode() & 0o100 == 0 {
            FileMode(0o644)
        } else {
            FileMode(0o755)
        };
        let source = Source::File {
            path: path.to_owned(),
            size: metadata.len(),
        };
        self.insert(dest, common, source, common.setting.mode.unwrap_or(own))
    }

    /// A link is packed as a link, and its target must be inside the directory that is packed.
    fn add_link(
        &mut self,
        common: Common<'_>,
        path: &Path,
        target: &Path,
        dest: &str,
    ) -> Result<(), AssetError> {
        let outside = || AssetError::Link {
            path: path.to_owned(),
            target: target.to_owned(),
            folder: common.folder.to_owned(),
        };
        let folder = path.parent().expect("a link is in a folder");
        let points_to = normalized(&folder.join(target));
        if target.is_absolute() || !points_to.starts_with(common.folder) {
            return Err(outside());
        }
        let target = target.to_str().ok_or_else(|| AssetError::Name {
            path: path.to_owned(),
        })?;
        let source = Source::Link {
            target: target.to_owned(),
        };
        self.insert(dest, common, source, FileMode(0o777))
    }

    fn insert(
        &mut self,
        dest: &str,
        common: Common<'_>,
        source: Source,
        mode: FileMode,
    ) -> Result<(), AssetError> {
        if dest.split('/').any(|name| name.starts_with(WHITEOUT)) {
            let path = dest.to_owned();
            return Err(AssetError::Whiteout { path });
        }
        let asset = Asset {
            source,
            mode,
            owner: common.setting.owner.unwrap_or(User::ROOT),
        };
        let twice = |path: &str| {
            let path = path.to_owned();
            Err(AssetError::Twice { path })
        };
        match self.assets.get(dest) {
            // Two trees may share a directory: the later one sets its properties.
            Some(old) if old.source != Source::Directory || asset.source != Source::Directory => {
                return twice(dest);
            }
            _ => {}
        }
        let mut parents = dest.match_indices('/').map(|(at, _)| &dest[..at]);
        let is_below_file = parents.find(|parent| {
            let parent = self.assets.get(*parent);
            parent.is_some_and(|parent| parent.source != Source::Directory)
        });
        if let Some(parent) = is_below_file {
            return twice(parent);
        }
        let prefix = format!("{dest}/");
        let mut below = self.assets.range(prefix.clone()..);
        let has_children = below
            .next()
            .is_some_and(|(path, _)| path.starts_with(&prefix));
        if asset.source != Source::Directory && has_children {
            return twice(dest);
        }
        self.assets.insert(dest.to_owned(), asset);
        Ok(())
    }

    /// The entries of a directory that are not left out.
    fn entries(&self, directory: &Path) -> Result<Vec<PathBuf>, AssetError> {
        let mut paths = entries(directory)?;
        if !self.skipped.is_empty() {
            paths.retain(|path| file_id(path).is_none_or(|id| !self.skipped.contains(&id)));
        }
        Ok(paths)
    }

    fn inside(&self, path: &Path, actual: &Path) -> Result<(), AssetError> {
        if actual.starts_with(&self.root) {
            return Ok(());
        }
        Err(AssetError::Outside {
            path: path.to_owned(),
            root: self.root.clone(),
        })
    }
}

/// Whether there is a file, directory or link at `path`.
fn exists(path: &Path) -> Result<bool, AssetError> {
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

fn canonical(path: &Path) -> Result<PathBuf, AssetError> {
    path.canonicalize().map_err(|source| AssetError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The entries of a directory, sorted, so that errors do not depend on the file system.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, AssetError> {
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

fn name(path: &Path) -> Result<String, AssetError> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| AssetError::Name {
        path: path.to_owned(),
    })
}

/// A path without `.` and `..`, resolved lexically.
fn normalized(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests;
