//! Finds a C compiler for a target.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::target::{Libc, Target};

/// A C compiler that produces objects for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// Zig, which has the headers of musl for every machine.
    Zig(PathBuf),
    /// A GCC for musl.
    Musl(PathBuf),
    /// A GCC for glibc, whose headers agree with musl's in what most dependencies use.
    Glibc(PathBuf),
}

/// The names under which Debian, Alpine and musl-cross-make install compilers for an architecture,
/// best first; `native`: it is this machine's architecture.
fn candidates(architecture: &str, native: bool) -> Vec<(String, bool)> {
    let mut names = vec![(format!("{architecture}-linux-musl-gcc"), true)];
    if native {
        // Debian's musl-tools.
        names.push(("musl-gcc".to_owned(), true));
    }
    names.push((format!("{architecture}-linux-gnu-gcc"), false));
    names
}

/// The compiler for `architecture`, as a Rust target names it, found in the folders of `path`. `zig` caches
/// where zig is, since starting Python takes time and each platform needs it.
pub(crate) fn find(
    path: &OsStr,
    architecture: &str,
    zig: &OnceLock<Option<PathBuf>>,
) -> Option<Compiler> {
    let zig = zig.get_or_init(|| program(path, "zig").or_else(|| zig_of_python(path)));
    if let Some(zig) = zig {
        return Some(Compiler::Zig(zig.clone()));
    }
    let native = architecture == std::env::consts::ARCH;
    candidates(architecture, native)
        .into_iter()
        .find_map(|(name, musl)| {
            let found = program(path, &name)?;
            Some(if musl {
                Compiler::Musl(found)
            } else {
                Compiler::Glibc(found)
            })
        })
}

/// The linker for a binary that is linked dynamically with the glibc of another architecture.
pub(crate) fn cross_linker(target: Target, path: &OsStr) -> Option<PathBuf> {
    let architecture = target.architecture();
    let foreign = target.libc == Libc::GlibcOfBase && architecture != std::env::consts::ARCH;
    foreign.then(|| program(path, &format!("{architecture}-linux-gnu-gcc")))?
}

/// The executable file `name` in a folder of `path`.
pub(crate) fn program(path: &OsStr, name: &str) -> Option<PathBuf> {
    std::env::split_paths(path)
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The zig of the `PyPI` package `ziglang`. Python can run it as a module, but running it directly is faster.
fn zig_of_python(path: &OsStr) -> Option<PathBuf> {
    let code =
        "import importlib.util as u; print(u.find_spec('ziglang').submodule_search_locations[0])";
    ["python3", "python"].into_iter().find_map(|name| {
        let python = program(path, name)?;
        let output = Command::new(python).args(["-c", code]).output().ok()?;
        let folder = std::str::from_utf8(&output.stdout).ok()?.trim_end();
        let zig = Path::new(folder).join("zig");
        (output.status.success() && is_executable(&zig)).then_some(zig)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn zig_is_preferred_then_musl_then_glibc() {
        let folder = tempfile::tempdir().unwrap();
        let add = |name: &str, mode| {
            let file = folder.path().join(name);
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            file
        };
        let found = || find(folder.path().as_os_str(), "aarch64", &OnceLock::new());
        assert_eq!(found(), None);
        let file = add("aarch64-linux-gnu-gcc", 0o755);
        assert_eq!(found(), Some(Compiler::Glibc(file)));
        let file = add("aarch64-linux-musl-gcc", 0o755);
        assert_eq!(found(), Some(Compiler::Musl(file.clone())));
        add("zig", 0o644);
        assert_eq!(found(), Some(Compiler::Musl(file)), "not executable");
        fs::remove_file(folder.path().join("zig")).unwrap();
        let file = add("zig", 0o755);
        assert_eq!(found(), Some(Compiler::Zig(file)));
    }

    #[test]
    fn python_is_run_once_to_find_zig() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let asked = path("asked");
        let script = format!("#!/bin/sh\necho asked >>'{}'\nexit 1\n", asked.display());
        fs::write(path("python3"), script).unwrap();
        fs::set_permissions(path("python3"), fs::Permissions::from_mode(0o755)).unwrap();
        let zig = OnceLock::new();
        for architecture in ["x86_64", "aarch64"] {
            find(folder.path().as_os_str(), architecture, &zig);
        }
        assert_eq!(fs::read_to_string(asked).unwrap(), "asked\n");
    }

    #[test]
    fn only_the_native_compiler_may_have_a_name_without_an_architecture() {
        assert!(candidates("x86_64", true).contains(&("musl-gcc".to_owned(), true)));
        assert!(!candidates("x86_64", false).contains(&("musl-gcc".to_owned(), true)));
    }
}
