//! Compares the needs of a binary with the content of a base.

use std::path::Path;

use oci::Platform;

use super::error::ElfError;
use super::needs::Needs;
use super::root_fs::RootFs;

/// A base to check against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Against<'a> {
    /// Its name in errors.
    pub(crate) name: &'a str,
    pub(crate) root: &'a RootFs,
    /// `LD_LIBRARY_PATH` of the image.
    pub(crate) library_path: Option<&'a str>,
}

/// Checks that a binary, at `path` and later at `/FOLDER/…` of the image, has what it needs.
///
/// # Errors
/// [`ElfError`], depending on what is missing.
pub(crate) fn check(
    path: &Path,
    folder: &str,
    needs: &Needs,
    platform: &Platform,
    base: Against<'_>,
) -> Result<(), ElfError> {
    let (path, root) = (|| path.to_owned(), base.root);
    let name = || base.name.to_owned();
    if !root.has(&needs.interpreter) {
        return Err(ElfError::Interpreter {
            path: path(),
            interpreter: needs.interpreter.clone(),
            base: name(),
        });
    }
    let folders = folders(needs, folder, platform, base);
    let find = |library: &String| -> Option<String> {
        if library.contains('/') {
            return root.has(library).then(|| library.clone());
        }
        let paths = folders.iter().map(|folder| format!("{folder}/{library}"));
        paths.into_iter().find(|path| root.has(path))
    };
    let missing: Vec<String> = needs
        .libraries
        .iter()
        .filter(|library| find(library).is_none())
        .map(|library| format!("`{library}`"))
        .collect();
    if !missing.is_empty() {
        return Err(ElfError::Libraries {
            path: path(),
            libraries: missing.join(", "),
            base: name(),
        });
    }
    let Some(needed) = needs.glibc.clone() else {
        return Ok(());
    };
    let libc = find(&"libc.so.6".to_owned());
    match libc.and_then(|libc| root.glibc(&libc).cloned()) {
        Some(available) if available >= needed => Ok(()),
        Some(available) => Err(ElfError::Glibc {
            path: path(),
            needed,
            base: name(),
            available,
        }),
        None => Err(ElfError::UnknownGlibc {
            path: path(),
            needed,
            base: name(),
        }),
    }
}

/// The folders in which a loader searches, in its order
/// ([ld.so(8)](https://man7.org/linux/man-pages/man8/ld.so.8.html)): those of the binary, of the
/// environment, of the configuration, and the defaults of glibc, Debian and musl.
fn folders(needs: &Needs, folder: &str, platform: &Platform, base: Against<'_>) -> Vec<String> {
    let triplet = match platform.architecture.as_str() {
        "arm64" => "aarch64-linux-gnu",
        _ => "x86_64-linux-gnu",
    };
    let own = needs.folders.iter().map(|path| {
        let origin = format!("/{folder}");
        path.replace("${ORIGIN}", &origin)
            .replace("$ORIGIN", &origin)
    });
    let environment = base.library_path.into_iter().flat_map(|p| p.split(':'));
    let configured = environment.chain(base.root.folders()).map(str::to_owned);
    let defaults = [
        format!("/lib/{triplet}"),
        format!("/usr/lib/{triplet}"),
        "/lib64".to_owned(),
        "/usr/lib64".to_owned(),
        "/lib".to_owned(),
        "/usr/lib".to_owned(),
        "/usr/local/lib".to_owned(),
    ];
    own.chain(configured).chain(defaults).collect()
}

#[cfg(test)]
mod tests {
    use super::super::needs::needs;
    use super::*;

    /// This test itself, which is linked dynamically with the glibc of this machine.
    fn own() -> Needs {
        let path = std::env::current_exe().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let found = needs(&path, &bytes[..], &Platform::host()).unwrap();
        found.expect("it is linked dynamically")
    }

    fn checked(needs: &Needs, files: &[&str], library_path: Option<&str>) -> Result<(), String> {
        let mut root = RootFs::default();
        let empty = tempfile::NamedTempFile::new().unwrap();
        for file in files {
            root.add_file(file, empty.path()).unwrap();
        }
        let base = Against {
            name: "base",
            root: &root,
            library_path,
        };
        let path = Path::new("x");
        check(path, "usr/bin", needs, &Platform::host(), base).map_err(|error| error.to_string())
    }

    #[test]
    fn needs_are_read_from_the_headers() {
        let needs = own();
        assert!(needs.interpreter.contains("/ld-"), "{needs:?}");
        assert!(needs.libraries.iter().any(|library| library == "libc.so.6"));
        assert!(needs.glibc.is_some());
    }

    #[test]
    fn libraries_are_looked_up_where_the_loader_searches() {
        let mut needs = own();
        needs.libraries = vec!["libx.so.1".to_owned()];
        needs.glibc = None;
        let loader = needs.interpreter[1..].to_owned();
        let ok = |needs: &Needs, file: &str, path: Option<&str>| {
            checked(needs, &[&loader, file], path).is_ok()
        };
        assert!(ok(&needs, "usr/lib/libx.so.1", None));
        assert!(!ok(&needs, "opt/libx.so.1", None));
        assert!(ok(&needs, "opt/libx.so.1", Some("/srv:/opt")));
        needs.folders = vec!["$ORIGIN/../own".to_owned()];
        assert!(ok(&needs, "usr/own/libx.so.1", None));
        let error = checked(&needs, &[&loader], None).unwrap_err();
        assert_eq!(error, "`x` needs `libx.so.1`, which base does not have");
        let error = checked(&needs, &[], None).unwrap_err();
        assert!(
            error.starts_with("`x` needs the dynamic loader /lib"),
            "{error}"
        );
    }

    #[test]
    fn a_libc_that_cannot_be_read_is_refused() {
        let mut needs = own();
        needs.libraries.clear();
        let loader = needs.interpreter[1..].to_owned();
        let error = checked(&needs, &[&loader, "lib/libc.so.6"], None).unwrap_err();
        assert!(
            error.ends_with("the libc of base cannot be read"),
            "{error}"
        );
    }

    #[test]
    fn another_machine_and_other_formats_are_refused() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let read = |binary: &[u8], platform: &str| {
            let platform = platform.parse().unwrap();
            needs(Path::new("x"), binary, &platform)
                .unwrap_err()
                .to_string()
        };
        let other = if cfg!(target_arch = "x86_64") {
            "linux/arm64"
        } else {
            "linux/amd64"
        };
        assert!(read(&own, other).starts_with("`x` is not for linux/"));
        for binary in [&b"#!/bin/sh"[..], b""] {
            assert_eq!(read(binary, "linux/amd64"), "`x` is not a 64-bit ELF file");
        }
    }
}
