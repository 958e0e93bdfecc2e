//! Finds the files, directories and links that settings name.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use super::super::asset::{Asset, Source};
use super::super::error::AssetError;
use super::super::setting::{AssetSetting, FileMode};
use super::file_system::{canonical, entries, exists, name};
use super::pattern::SourcePattern;
use super::set::AssetSet;
use crate::files::{FileId, file_id};
use crate::links::join;
use crate::setting_values::User;

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
    let mut collector = Collector {
        root: canonical(root)?,
        skipped: skipped.iter().filter_map(|path| file_id(path)).collect(),
        assets: AssetSet::default(),
    };
    for setting in settings {
        collector.add(setting, folder)?;
    }
    Ok(collector.assets.into_map())
}

/// The assets that are found so far.
struct Collector {
    /// The directory that all sources must be inside.
    root: PathBuf,
    skipped: Vec<FileId>,
    assets: AssetSet,
}

/// The properties that all files of a setting share.
#[derive(Clone, Copy)]
struct Common<'a> {
    setting: &'a AssetSetting,
    /// The directory that links must stay inside.
    folder: &'a Path,
}

impl Collector {
    fn add(&mut self, setting: &AssetSetting, folder: &Path) -> Result<(), AssetError> {
        let dest = setting.dest.0.trim_matches('/').to_owned();
        let path = folder.join(&setting.src);
        match exists(&path) {
            // The name of a file may contain a pattern's characters too.
            Ok(true) => {}
            _ if SourcePattern::is_pattern(&setting.src) => {
                return self.add_matches(setting, folder, &dest);
            }
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
        let pattern = SourcePattern::parse(&setting.src)?;
        let start = folder.join(&pattern.directory);
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
                if pattern.matches(below) {
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
                } else if path.is_dir() && !is_link && pattern.may_match_below(below) {
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
        let asset = Asset {
            source,
            mode,
            owner: common.setting.owner.unwrap_or(User::ROOT),
        };
        self.assets.insert(dest, asset)
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
