//! Detects settings of an image in the sources of a package.

use std::collections::BTreeSet;
use std::path::Path;

use crate::workspace::Outline;

/// Common names of folders with files that services read at run time.
const FOLDERS: [&str; 6] = [
    "static",
    "public",
    "assets",
    "templates",
    "migrations",
    "config",
];

/// The detected settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The package.
    pub(crate) package: String,
    /// Its binaries, the one that runs by default first.
    pub(crate) bins: Vec<String>,
    /// The ports of a Dockerfile's `EXPOSE`, and which Dockerfile that is.
    pub(crate) ports: Option<(String, BTreeSet<u16>)>,
    /// Folders with files that may belong in the image.
    pub(crate) folders: Vec<&'static str>,
    /// Its queries are prepared, so sqlx needs no database at compile time.
    pub(crate) sqlx_offline: bool,
}

/// Searches a package and the root of its workspace.
pub(crate) fn find(outline: &Outline, root: &Path) -> Found {
    let folder = outline.manifest.parent().unwrap_or(root);
    let mut bins = outline.bins.clone();
    if let Some(default) = &outline.default_run {
        bins.sort_by_key(|bin| bin != default);
    }
    let dockerfiles = [folder.join("Dockerfile"), root.join("Dockerfile")];
    let ports = dockerfiles.iter().find_map(|path| {
        let ports = exposed(&std::fs::read_to_string(path).ok()?);
        let shown = path.strip_prefix(root).unwrap_or(path);
        (!ports.is_empty()).then(|| (shown.display().to_string(), ports))
    });
    let prepared = folder.join(".sqlx").is_dir() || root.join(".sqlx").is_dir();
    Found {
        package: outline.package.clone(),
        bins,
        ports,
        folders: FOLDERS
            .into_iter()
            .filter(|name| folder.join(name).is_dir())
            .collect(),
        sqlx_offline: prepared && outline.dependencies.iter().any(|name| name == "sqlx"),
    }
}

/// The TCP ports that a Dockerfile exposes by number.
fn exposed(text: &str) -> BTreeSet<u16> {
    let words = text.lines().filter_map(|line| {
        let (keyword, rest) = line.trim().split_once(char::is_whitespace)?;
        keyword.eq_ignore_ascii_case("expose").then_some(rest)
    });
    let ports = words.flat_map(str::split_whitespace);
    let ports = ports.map(|port| port.strip_suffix("/tcp").unwrap_or(port));
    ports
        .filter_map(|port| port.parse().ok())
        .filter(|port| *port > 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exposed_ports_are_numbers_for_tcp() {
        let text = "FROM x\nEXPOSE 8080 9090/tcp\n expose 53/udp $PORT\n# EXPOSE 1\nEXPOSE\n";
        assert_eq!(exposed(text), BTreeSet::from([8080, 9090]));
    }
}
