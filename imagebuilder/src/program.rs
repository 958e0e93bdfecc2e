//! Checks that the program that an image's settings name can start.
//!
//! The files of a base are not known: with a base, a program that is not among the other files may be one of
//! them.

use std::collections::BTreeMap;

use crate::assets::{Asset, Source};
use crate::image::DEFAULT_PATH;
use crate::links;
use crate::settings::Settings;

/// Why the program of an image cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    #[error("the image's entrypoint names no program")]
    Unnamed,
    #[error("the program `{program}` is not in the image")]
    Missing { program: String },
    #[error("the program `{program}` is not executable")]
    NotExecutable { program: String },
}

/// The files that an image has in addition to its base.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Programs<'a> {
    pub(crate) files: &'a BTreeMap<String, Asset>,
    /// The paths of compiled binaries.
    pub(crate) binaries: &'a [String],
    pub(crate) has_base: bool,
}

impl Programs<'_> {
    /// Checks the entrypoint of the settings, if they have one.
    ///
    /// # Errors
    /// [`ProgramError`], if it cannot start.
    pub(crate) fn check(&self, settings: &Settings) -> Result<(), ProgramError> {
        let Some(entrypoint) = &settings.entrypoint else {
            return Ok(());
        };
        let program = entrypoint.iter().chain(&settings.args).next();
        let program = program.filter(|program| !program.is_empty());
        let program = program.ok_or(ProgramError::Unnamed)?;
        let paths = paths(program, settings);
        let found: Vec<bool> = paths.iter().filter_map(|path| self.find(path)).collect();
        let program = program.clone();
        // The base may have another file of that name, unless it has the same path.
        let may_be_in_base = self.has_base && (found.is_empty() || paths.len() > 1);
        if may_be_in_base || found.contains(&true) {
            Ok(())
        } else if found.is_empty() {
            Err(ProgramError::Missing { program })
        } else {
            Err(ProgramError::NotExecutable { program })
        }
    }

    /// Whether the file at a path is executable, if there is one.
    fn find(&self, path: &str) -> Option<bool> {
        let link = |path: &str| match &self.files.get(path)?.source {
            Source::Link { target } => Some(target.as_str()),
            Source::File { .. } | Source::Directory => None,
        };
        let path = links::follow(path, link)?;
        if self.binaries.contains(&path) {
            return Some(true);
        }
        let asset = self.files.get(&path)?;
        matches!(asset.source, Source::File { .. }).then_some(asset.mode.0 & 0o111 != 0)
    }
}

/// Where a program may be, as for `execvp`: a name without a slash is looked up in the folders of
/// `PATH`.
fn paths(program: &str, settings: &Settings) -> Vec<String> {
    let workdir = settings.workdir.as_ref().map_or("/", |path| &path.0);
    let below = |folder: &str| {
        let start = if folder.starts_with('/') { "" } else { workdir };
        format!("{start}/{folder}/{program}")
    };
    if program.starts_with('/') {
        return vec![program.to_owned()];
    }
    if program.contains('/') {
        return vec![below("")];
    }
    let mut own = settings.env.iter();
    let own = own.find(|(name, _)| name.0 == "PATH");
    let path = own.map_or(DEFAULT_PATH, |(_, path)| path);
    path.split(':').map(below).collect()
}
