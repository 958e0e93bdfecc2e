//! Cargo's syntax for naming a package of the workspace
//! (<https://doc.rust-lang.org/cargo/reference/pkgid-spec.html>).

use std::path::Path;

/// Whether `spec` names the package: `NAME`, `NAME@VERSION`, the path of its folder, or the URL of
/// that with `#NAME`, `#VERSION` or `#NAME@VERSION`.
pub(crate) fn matches(spec: &str, name: &str, version: &str, folder: &Path) -> bool {
    let url = spec.strip_prefix("path+").unwrap_or(spec);
    if let Some(url) = url.strip_prefix("file://") {
        let (path, fragment) = url.split_once('#').unwrap_or((url, ""));
        return Path::new(path) == folder
            && (fragment.is_empty()
                || is_version(fragment, version)
                || is_named(fragment, name, version));
    }
    if spec.contains('/') || spec == "." || spec == ".." {
        return Path::new(spec)
            .canonicalize()
            .is_ok_and(|path| folder.canonicalize().is_ok_and(|folder| path == folder));
    }
    is_named(spec, name, version)
}

fn is_named(spec: &str, name: &str, version: &str) -> bool {
    match spec.split_once('@') {
        Some((wanted, wanted_version)) => wanted == name && is_version(wanted_version, version),
        None => spec == name,
    }
}

/// Whether `wanted` is the version, or the beginning of it up to a dot.
fn is_version(wanted: &str, version: &str) -> bool {
    !wanted.is_empty()
        && version
            .strip_prefix(wanted)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_as_in_cargo() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        let check = |spec: &str, expected: bool| {
            let actual = matches(spec, "hello", "1.2.3", folder.path());
            assert_eq!(actual, expected, "{spec}");
        };
        for yes in ["hello", "hello@1.2.3", "hello@1.2", "hello@1", &path] {
            check(yes, true);
        }
        for yes in ["", "#hello", "#1.2.3", "#hello@1.2.3"] {
            check(&format!("path+file://{path}{yes}"), true);
            check(&format!("file://{path}{yes}"), true);
        }
        for no in [
            "hell",
            "hello@1.2.4",
            "hello@1.20",
            "hello@",
            "/",
            "./nowhere",
            ".",
        ] {
            check(no, false);
        }
        check(&format!("file://{path}#other"), false);
        check("file:///elsewhere#hello", false);
    }
}
