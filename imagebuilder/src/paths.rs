//! The paths of this machine that a binary must not contain, and their replacements.

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// Pairs of a path of this machine and the path that replaces it in a binary.
///
/// If several match, the last one counts, in rustc as in GCC and Clang. Therefore a path comes after those
/// that it is inside of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathMap(Vec<(PathBuf, String)>);

impl PathMap {
    /// The paths that a compilation of `workspace` sees.
    pub(crate) fn new(
        environment: &Environment,
        workspace: &Workspace,
        toolchain: &Toolchain,
    ) -> Self {
        let mut pairs = vec![(toolchain.sysroot.clone(), "/rust".to_owned())];
        if let Some(commit) = &toolchain.commit {
            // With the component rust-src, rustc finds the standard library's sources on this
            // machine and names them; without it, it names them so.
            let sources = toolchain.sysroot.join("lib/rustlib/src/rust");
            pairs.push((sources, format!("/rustc/{commit}")));
        }
        if let Some(home) = &environment.cargo_home {
            pairs.push((home.clone(), "/cargo".to_owned()));
            for registry in registries(home) {
                // The folder's name contains a hash of the registry's address, which a mirror changes.
                pairs.push((registry, "/cargo/registry".to_owned()));
            }
        }
        pairs.push((workspace.root().to_owned(), "/workspace".to_owned()));
        pairs.push((workspace.target_dir().to_owned(), "/target".to_owned()));
        Self(pairs)
    }

    /// The pairs `(FROM, TO)`.
    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs.iter();
        Self(
            pairs
                .map(|(from, to)| (from.into(), (*to).to_owned()))
                .collect(),
        )
    }

    /// The pairs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.0
            .iter()
            .map(|(from, to)| (from.as_path(), to.as_str()))
    }

    /// The folders that are not inside any path of this map, so that nothing replaces them.
    pub(crate) fn outside<'a>(
        &self,
        folders: impl IntoIterator<Item = &'a PathBuf>,
    ) -> Vec<&'a Path> {
        let folders = folders.into_iter().map(PathBuf::as_path);
        folders
            .filter(|folder| !self.iter().any(|(from, _)| folder.starts_with(from)))
            .collect()
    }

    /// A flag of a compiler for each pair: the option's name, then `FROM=TO`.
    pub(crate) fn flags(&self, option: &str) -> Vec<String> {
        self.iter()
            .map(|(from, to)| format!("{option}={}={to}", from.display()))
            .collect()
    }
}

/// The folders of the sources of registries.
pub(crate) fn registries(cargo_home: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(cargo_home.join("registry/src"));
    let mut paths: Vec<_> = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}
