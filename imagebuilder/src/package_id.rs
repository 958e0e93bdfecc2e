//! Cargo's package IDs: name, version and source.

use cargo_metadata::PackageId;

use crate::purl;

/// A package as Cargo.lock identifies it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Without the commit of a git source; `None` for a path.
    pub(crate) source: Option<String>,
}

impl Identity {
    /// Reads a package ID: that of
    /// [Cargo 1.77 and later](https://doc.rust-lang.org/cargo/reference/pkgid-spec.html), or the older
    /// `NAME VERSION (SOURCE)`.
    pub(crate) fn parse(id: &PackageId) -> Option<Self> {
        let text = id.repr.as_str();
        if let Some((name_and_version, source)) = text.split_once(" (") {
            let (name, version) = name_and_version.split_once(' ')?;
            let source = source.strip_suffix(')')?;
            return Some(Self::new(name, version, source));
        }
        let (url, fragment) = text.split_once('#')?;
        // The name is omitted if it is the last segment of the URL.
        let (name, version) = fragment.split_once('@').unwrap_or_else(|| {
            let path = url.split_once('?').map_or(url, |(path, _)| path);
            let name = path.trim_end_matches('/').rsplit('/').next();
            (name.unwrap_or_default(), fragment)
        });
        Some(Self::new(name, version, url))
    }

    /// `source` is as in Cargo.lock, or `path+…`.
    pub(crate) fn new(name: &str, version: &str, source: &str) -> Self {
        let source = source.split_once('#').map_or(source, |(source, _)| source);
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            source: (!source.starts_with("path+")).then(|| source.to_owned()),
        }
    }

    /// Its package URL.
    pub(crate) fn purl(&self) -> String {
        let source = self.source.as_deref().unwrap_or_default();
        let qualifier = match self.kind_of_source() {
            "git" => Some(("vcs_url", source)),
            "registry" => {
                let index = source.split_once('+').map_or(source, |(_, index)| index);
                Some(("repository_url", index))
            }
            _ => None,
        };
        purl::cargo(&self.name, &self.version, qualifier)
    }

    /// The source as `cargo auditable` names it.
    pub(crate) fn kind_of_source(&self) -> &'static str {
        match self.source.as_deref() {
            None => "local",
            Some(source) if source.starts_with("git+") => "git",
            Some(
                "registry+https://github.com/rust-lang/crates.io-index"
                | "sparse+https://index.crates.io/",
            ) => "crates.io",
            Some(_) => "registry",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_ids_of_every_form() {
        let check = |repr: &str, expected: [&str; 3]| {
            let repr = repr.to_owned();
            let found = Identity::parse(&PackageId { repr }).unwrap();
            let kind = found.kind_of_source();
            assert_eq!([&found.name, &found.version, kind], expected);
        };
        let index = "registry+https://github.com/rust-lang/crates.io-index";
        check(
            &format!("{index}#itoa@1.0.15"),
            ["itoa", "1.0.15", "crates.io"],
        );
        check(
            &format!("itoa 1.0.15 ({index})"),
            ["itoa", "1.0.15", "crates.io"],
        );
        check("path+file:///w/hello#1.2.3", ["hello", "1.2.3", "local"]);
        check("path+file:///w/x#hello@1.2.3", ["hello", "1.2.3", "local"]);
        check(
            "hello 1.2.3 (path+file:///w/hello)",
            ["hello", "1.2.3", "local"],
        );
        let git = "git+https://example.com/team/fork?rev=0123";
        check(&format!("{git}#1.0.0"), ["fork", "1.0.0", "git"]);
        check(&format!("{git}#other@1.0.0"), ["other", "1.0.0", "git"]);
        let other = "registry+https://registry.example.com/index";
        check(&format!("{other}#x@0.1.0"), ["x", "0.1.0", "registry"]);
    }

    #[test]
    fn a_git_source_of_cargo_lock_is_that_of_the_package_id() {
        let git = "git+https://example.com/team/fork?rev=0123";
        let repr = format!("{git}#1.0.0");
        let locked = Identity::new("fork", "1.0.0", &format!("{git}#0123456789"));
        assert_eq!(Identity::parse(&PackageId { repr }), Some(locked));
    }
}
