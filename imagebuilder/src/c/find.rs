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
    /// Zig, which has the headers of musl and glibc for every machine.
    Zig(PathBuf),
    /// A GCC for the C library that is linked.
    Gcc(PathBuf),
    /// A GCC for glibc where musl is linked, whose headers agree with musl's in what most dependencies use.
    Foreign(PathBuf),
}

/// What a program of some name is.
type Kind = fn(PathBuf) -> Compiler;

/// The names under which Debian, Alpine and musl-cross-make install compilers for a target, best first.
fn candidates(target: Target) -> Vec<(String, Kind)> {
    let architecture = target.architecture();
    let gnu = format!("{architecture}-linux-gnu-gcc");
    let mut names: Vec<(String, Kind)> = Vec::new();
    match target.libc {
        Libc::Musl => {
            names.push((format!("{architecture}-linux-musl-gcc"), Compiler::Gcc));
            if target.is_native() {
                // Debian's musl-tools.
                names.push(("musl-gcc".to_owned(), Compiler::Gcc));
            }
            names.push((gnu, Compiler::Foreign));
        }
        Libc::Glibc | Libc::GlibcOfBase => {
            if target.is_native() {
                names.push(("cc".to_owned(), Compiler::Gcc));
                names.push(("gcc".to_owned(), Compiler::Gcc));
            }
            names.push((gnu, Compiler::Gcc));
        }
    }
    names
}

/// The compiler for a target, found in the folders of `path`: for musl zig rather than a GCC, which hardly
/// any machine has, and for glibc the GCC of the distribution, which links too. `zig` remembers where zig
/// is, since starting Python takes time and every platform needs it.
pub(crate) fn find(
    path: &OsStr,
    target: Target,
    zig: &OnceLock<Option<PathBuf>>,
) -> Option<Compiler> {
    let zig = || {
        let zig = zig.get_or_init(|| program(path, "zig").or_else(|| zig_of_python(path)));
        zig.clone().map(Compiler::Zig)
    };
    let gcc = || {
        candidates(target)
            .into_iter()
            .find_map(|(name, kind)| program(path, &name).map(kind))
    };
    match target.libc {
        Libc::Musl => zig().or_else(gcc),
        Libc::Glibc | Libc::GlibcOfBase => gcc().or_else(zig),
    }
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

    fn musl(architecture: &str) -> Target {
        let triple = match architecture {
            "aarch64" => "aarch64-unknown-linux-musl",
            _ => "x86_64-unknown-linux-musl",
        };
        Target {
            triple,
            libc: Libc::Musl,
            rust_lld: true,
        }
    }

    fn glibc(architecture: &str) -> Target {
        let triple = match architecture {
            "aarch64" => "aarch64-unknown-linux-gnu",
            _ => "x86_64-unknown-linux-gnu",
        };
        Target {
            triple,
            libc: Libc::GlibcOfBase,
            rust_lld: false,
        }
    }

    fn add(folder: &Path, name: &str, mode: u32) -> PathBuf {
        let file = folder.join(name);
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn for_musl_zig_is_preferred_then_musl_then_glibc() {
        let folder = tempfile::tempdir().unwrap();
        let add = |name: &str, mode| add(folder.path(), name, mode);
        let found = || find(folder.path().as_os_str(), musl("aarch64"), &OnceLock::new());
        assert_eq!(found(), None);
        let file = add("aarch64-linux-gnu-gcc", 0o755);
        assert_eq!(found(), Some(Compiler::Foreign(file)));
        let file = add("aarch64-linux-musl-gcc", 0o755);
        assert_eq!(found(), Some(Compiler::Gcc(file.clone())));
        add("zig", 0o644);
        assert_eq!(found(), Some(Compiler::Gcc(file)), "not executable");
        fs::remove_file(folder.path().join("zig")).unwrap();
        let file = add("zig", 0o755);
        assert_eq!(found(), Some(Compiler::Zig(file)));
    }

    #[test]
    fn for_glibc_the_gcc_of_the_distribution_is_preferred() {
        for architecture in ["aarch64", "x86_64"] {
            let folder = tempfile::tempdir().unwrap();
            let add = |name: &str| add(folder.path(), name, 0o755);
            let target = glibc(architecture);
            let found = || find(folder.path().as_os_str(), target, &OnceLock::new());
            let zig = add("zig");
            add(&format!("{architecture}-linux-musl-gcc"));
            assert_eq!(found(), Some(Compiler::Zig(zig.clone())));
            let cc = add("cc");
            let native = Compiler::Gcc(cc);
            assert_eq!(found() == Some(native), target.is_native());
            fs::remove_file(folder.path().join("cc")).unwrap();
            let gcc = add(&format!("{architecture}-linux-gnu-gcc"));
            assert_eq!(found(), Some(Compiler::Gcc(gcc)));
        }
    }

    #[test]
    fn python_is_run_once_to_find_zig() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let asked = path("asked");
        let script = format!("#!/bin/sh\necho asked >>'{}'\nexit 1\n", asked.display());
        test_programs::write_script(&path("python3"), &script);
        let zig = OnceLock::new();
        for architecture in ["x86_64", "aarch64"] {
            find(folder.path().as_os_str(), musl(architecture), &zig);
        }
        assert_eq!(fs::read_to_string(asked).unwrap(), "asked\n");
    }

    #[test]
    fn only_the_native_compiler_may_have_a_name_without_an_architecture() {
        for target in [
            musl("x86_64"),
            musl("aarch64"),
            glibc("x86_64"),
            glibc("aarch64"),
        ] {
            let names = candidates(target);
            let plain = names
                .iter()
                .any(|(name, _)| !name.starts_with(target.architecture()));
            assert_eq!(plain, target.is_native(), "{target:?}");
        }
    }
}
