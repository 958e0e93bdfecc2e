//! Patterns in the settings of assets.

use std::path::Path;

use glob::{MatchOptions, Pattern};

use super::super::error::AssetError;

/// Patterns as in a shell, except that names that begin with a dot match like all others.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// The characters with a meaning in patterns.
const SPECIAL: [char; 3] = ['*', '?', '['];

/// Matches any number of directories.
const RECURSIVE: &str = "**";

/// The source of a setting with a pattern: a directory, and what the paths below it match.
pub(super) struct SourcePattern {
    /// The path before the first component with a pattern.
    pub(super) directory: String,
    below: Pattern,
    /// What directories match that matches may be in, by depth: the first component, the first two, and so on.
    parents: Vec<Pattern>,
    /// Whether matches may be at any depth below the last of them.
    is_recursive: bool,
}

impl SourcePattern {
    /// Whether `src` has a pattern in it.
    pub(super) fn is_pattern(src: &str) -> bool {
        src.contains(SPECIAL)
    }

    pub(super) fn parse(src: &str) -> Result<Self, AssetError> {
        let fixed = src.find(SPECIAL).unwrap_or(src.len());
        let start = src[..fixed].rfind('/').map_or(0, |at| at + 1);
        let (directory, below) = src.split_at(start);
        let directory = match directory.trim_end_matches('/') {
            "" if !directory.is_empty() => "/",
            trimmed => trimmed,
        };
        let components: Vec<&str> = below.split('/').collect();
        let (_, in_directories) = components.split_last().expect("split returns one");
        let parents: Vec<Pattern> = (1..=in_directories.len())
            .take_while(|depth| in_directories[depth - 1] != RECURSIVE)
            // A slash between brackets is no separator.
            .map_while(|depth| Pattern::new(&components[..depth].join("/")).ok())
            .collect();
        let below = Pattern::new(below).map_err(|source| AssetError::Pattern {
            src: src.to_owned(),
            source,
        })?;
        Ok(Self {
            directory: directory.to_owned(),
            below,
            is_recursive: components.contains(&RECURSIVE) || parents.len() < in_directories.len(),
            parents,
        })
    }

    /// Whether it matches `path`, which is relative to its directory.
    pub(super) fn matches(&self, path: &Path) -> bool {
        self.below.matches_path_with(path, OPTIONS)
    }

    /// Whether it may match paths below `directory`, which is relative to its own.
    pub(super) fn may_match_below(&self, directory: &Path) -> bool {
        let depth = directory.components().count();
        match self.parents.get(depth.saturating_sub(1)) {
            Some(parent) => parent.matches_path_with(directory, OPTIONS),
            None => self.is_recursive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_the_path_before_the_first_component_with_a_pattern() {
        let check = |src: &str, expected: &str| {
            assert_eq!(SourcePattern::parse(src).unwrap().directory, expected);
        };
        check("*.html", "");
        check("web/*.html", "web");
        check("web//css/x*/y", "web//css");
        check("/*.pem", "/");
        check("/etc/*.pem", "/etc");
    }

    #[test]
    fn only_directories_in_which_something_may_match_are_searched() {
        let check = |src: &str, directory: &str, expected: bool| {
            let pattern = SourcePattern::parse(src).unwrap();
            let found = pattern.may_match_below(Path::new(directory));
            assert_eq!(found, expected, "{src} below {directory}");
        };
        check("*.html", "css", false);
        check("*/dist/*.js", "a", true);
        check("*/dist/*.js", "a/dist", true);
        check("*/dist/*.js", "a/private", false);
        check("*/dist/*.js", "a/dist/b", false);
        check("**/*.css", "a/b/c", true);
        check("c*/**/*.css", "css/a/b", true);
        check("c*/**/*.css", "other", false);
        check("c*/**", "css", true);
        check("[a/b]c/*.css", "bc", true);
    }
}
