//! Checks whether a binary can run in the image that it is packed into.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use object::ReadCache;
use oci::Platform;

use crate::assets::{Asset, Source};
use crate::base::{Base, BaseError};
use crate::cache::Cache;
use crate::elf::{self, Against, ElfError, RootFs};
use crate::settings::Settings;

/// Why a binary cannot run in an image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FitError {
    #[error(transparent)]
    Elf(#[from] ElfError),
    #[error("cannot use the base `{base}`")]
    Base {
        base: String,
        #[source]
        source: BaseError,
    },
    #[error("/{path} would replace /{folder}, which is a symbolic link to `{target}` in {base}")]
    Hidden {
        path: String,
        folder: String,
        target: String,
        base: String,
    },
    #[error("cannot read `{}`", path.display())]
    Read {
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Folders that are links in some distributions, such as `/lib` to `usr/lib`.
const OFTEN_LINKS: [&str; 8] = [
    "bin", "sbin", "lib", "lib32", "lib64", "libx32", "var/run", "var/lock",
];

/// The rest of the image that a binary is packed into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    pub(crate) base: Option<&'a Base>,
    pub(crate) platform: &'a Platform,
    pub(crate) settings: &'a Settings,
    /// The other files of the image.
    pub(crate) files: &'a BTreeMap<String, Asset>,
    pub(crate) cache: &'a Cache,
}

/// Checks a binary that is read from `path` and will be in `/FOLDER` of the image. `reading` is called if
/// the layers of the base have to be read, with its name and their size.
///
/// # Errors
/// If it is for another machine, or needs something that the image does not have.
pub(crate) fn check(
    path: &Path,
    binary: &File,
    folder: &str,
    image: Surroundings<'_>,
    reading: &mut dyn FnMut(&str, u64),
) -> Result<(), FitError> {
    let platform = image.platform;
    let Some(needs) = elf::needs(path, &ReadCache::new(binary), platform)? else {
        return Ok(());
    };
    let mut root = match image.base {
        Some(base) => root_fs(base, image, reading)?,
        None => RootFs::default(),
    };
    for (to, asset) in image.files {
        match &asset.source {
            Source::Directory => {}
            Source::Link { target } => root.add_link(to, target),
            Source::File { path, .. } => {
                let read = |source| FitError::Read {
                    path: path.clone(),
                    source,
                };
                root.add_file(to, path).map_err(read)?;
            }
        }
    }
    if image.base.is_none() && !root.has(&needs.interpreter) {
        return Err(FitError::Elf(ElfError::Dynamic {
            path: path.to_owned(),
            interpreter: needs.interpreter,
        }));
    }
    let base = image.base.map(|base| base.image(platform).config.env());
    let mut of_base = base.unwrap_or_default().iter();
    let of_base = of_base.find_map(|variable| variable.strip_prefix("LD_LIBRARY_PATH="));
    let mut own = image.settings.env.iter();
    let own = own.find(|(name, _)| name.0 == "LD_LIBRARY_PATH");
    let against = Against {
        name: image.base.map_or("the image", Base::name),
        root: &root,
        library_path: own.map(|(_, path)| path.as_str()).or(of_base),
    };
    Ok(elf::check(path, folder, &needs, platform, against)?)
}

/// Checks that no file is below a path that is a link in the base: the layer would have a folder there, which
/// replaces the link and hides everything behind it.
///
/// # Errors
/// If one is, or the base cannot be read.
pub(crate) fn check_links(
    image: Surroundings<'_>,
    reading: &mut dyn FnMut(&str, u64),
) -> Result<(), FitError> {
    let Some(base) = image.base else {
        return Ok(());
    };
    let below = |path: &str, folder: &str| {
        let rest = path.strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let candidates = image.files.keys().filter_map(|path| {
        let folder = OFTEN_LINKS.iter().find(|folder| below(path, folder))?;
        Some((path, *folder))
    });
    let candidates: Vec<_> = candidates.collect();
    if candidates.is_empty() {
        return Ok(());
    }
    let root = root_fs(base, image, reading)?;
    for (path, folder) in candidates {
        if let Some(target) = root.link(folder) {
            return Err(FitError::Hidden {
                path: path.clone(),
                folder: folder.to_owned(),
                target: target.to_owned(),
                base: base.name().to_owned(),
            });
        }
    }
    Ok(())
}

fn root_fs(
    base: &Base,
    image: Surroundings<'_>,
    reading: &mut dyn FnMut(&str, u64),
) -> Result<RootFs, FitError> {
    let name = base.name();
    let mut reading = |bytes| reading(name, bytes);
    let root = base.root_fs(image.platform, image.cache, &mut reading);
    root.map_err(|source| FitError::Base {
        base: name.to_owned(),
        source,
    })
}
