//! The Rust toolchain that compiles a workspace.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_platform::Cfg;
use oci::Platform;
use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::target::{CLibrary, Libc, Target, TargetError};

/// The Rust toolchain that the workspace uses.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    directory: PathBuf,
    /// The directory of the toolchain.
    pub(crate) sysroot: PathBuf,
    /// The commit of the compiler, which is part of the paths in the standard library.
    pub(crate) commit: Option<String>,
    /// The compiler's version.
    pub(crate) release: String,
    host: String,
}

impl Toolchain {
    /// Asks the `rustc` that is in effect in `directory` for its toolchain: rustup's may differ between directories.
    pub(crate) fn sysroot(directory: &Path) -> Result<PathBuf, TargetError> {
        let printed = run(directory, &["--print", "sysroot"])?;
        Ok(printed.trim_end().into())
    }

    /// The toolchain of a directory, whose `sysroot` it is. The version of the same compiler is queried once.
    pub(crate) fn read(
        directory: &Path,
        sysroot: PathBuf,
        cache: &Cache,
    ) -> Result<Self, TargetError> {
        let key = identity(&sysroot.join("bin/rustc"));
        let known = key.as_ref().and_then(|key| cache.get("rustc", key));
        let version = if let Some(version) = known {
            version
        } else {
            let version = Version::parse(&run(directory, &["-vV"])?);
            // Nothing is written before a build: the command may still be refused.
            if let Some(key) = key.filter(|_| cache.folder().exists()) {
                cache.put("rustc", &key, &version);
            }
            version
        };
        Ok(Self {
            directory: directory.to_owned(),
            sysroot,
            commit: version.commit,
            release: version.release,
            host: version.host,
        })
    }

    /// The target for `platform` and the chosen C library; by default the first of the static ones that is
    /// installed.
    pub(crate) fn target(
        &self,
        platform: &Platform,
        chosen: Option<CLibrary>,
    ) -> Result<Target, TargetError> {
        let (musl, glibc) = match platform.to_string().as_str() {
            "linux/amd64" => ("x86_64-unknown-linux-musl", "x86_64-unknown-linux-gnu"),
            "linux/arm64" => ("aarch64-unknown-linux-musl", "aarch64-unknown-linux-gnu"),
            _ => {
                return Err(TargetError::Unsupported {
                    platform: Box::new(platform.clone()),
                });
            }
        };
        let rust_lld = self.lib(&self.host).join("bin/rust-lld").is_file();
        if chosen == Some(CLibrary::Glibc) {
            if !self.has(glibc) {
                return Err(TargetError::NotInstalled {
                    platform: Box::new(platform.clone()),
                    triple: glibc,
                });
            }
            return Ok(Target {
                triple: glibc,
                libc: Libc::GlibcOfBase,
                rust_lld: false,
            });
        }
        if self.has(musl) {
            Ok(Target {
                triple: musl,
                libc: Libc::Musl,
                rust_lld,
            })
        } else if chosen.is_none() && *platform == Platform::host() && self.has(glibc) {
            Ok(Target {
                triple: glibc,
                libc: Libc::Glibc,
                rust_lld: false,
            })
        } else {
            Err(TargetError::NotInstalled {
                platform: Box::new(platform.clone()),
                triple: musl,
            })
        }
    }

    /// The `cfg`s that are set for a target, which Cargo's configuration can refer to.
    pub(crate) fn cfgs(&self, triple: &str) -> Result<Vec<Cfg>, TargetError> {
        let printed = run(&self.directory, &["--print", "cfg", "--target", triple])?;
        // A line that this parser does not know cannot occur in a valid configuration either.
        Ok(printed
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect())
    }

    fn lib(&self, triple: &str) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(triple)
    }

    /// Whether the standard library for `triple` is installed.
    fn has(&self, triple: &str) -> bool {
        let mut entries = std::fs::read_dir(self.lib(triple).join("lib"))
            .into_iter()
            .flatten()
            .flatten();
        entries.any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    }
}

/// What `rustc -vV` prints.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    commit: Option<String>,
    release: String,
    host: String,
}

impl Version {
    fn parse(printed: &str) -> Self {
        let field = |name: &str| {
            let line = printed.lines().find_map(|line| line.strip_prefix(name));
            line.map(str::to_owned)
        };
        Self {
            commit: field("commit-hash: ").filter(|hash| hash != "unknown"),
            release: field("release: ").unwrap_or_default(),
            host: field("host: ").unwrap_or_default(),
        }
    }
}

/// A text that changes when another compiler replaces a file, as in Cargo's own cache of such results.
fn identity(file: &Path) -> Option<String> {
    let found = file.metadata().ok()?;
    Some(format!(
        "{} {} {} {} {}.{} {}.{}",
        file.display(),
        found.dev(),
        found.ino(),
        found.len(),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec()
    ))
}

fn run(directory: &Path, args: &[&str]) -> Result<String, TargetError> {
    let program = Path::new("rustc");
    let output = Command::new(program)
        .args(args)
        .current_dir(directory)
        .output();
    let output = output.map_err(|source| TargetError::Rustc {
        program: program.to_owned(),
        source,
    })?;
    if !output.status.success() {
        return Err(TargetError::RustcFailed {
            program: program.to_owned(),
            args: args.join(" "),
            stderr: String::from_utf8_lossy(&output.stderr)
                .trim_end()
                .to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_compilers_version_is_queried_once_until_it_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let sysroot = Toolchain::sysroot(folder.path()).unwrap();
        let own = folder.path().join("own");
        fs::create_dir_all(own.join("bin")).unwrap();
        let install = |content: &str| {
            fs::write(own.join("new"), content).unwrap();
            fs::rename(own.join("new"), own.join("bin/rustc")).unwrap();
        };
        let read = || Toolchain::read(folder.path(), own.clone(), &cache).unwrap();
        install("one");
        let found = read();
        assert!(sysroot.join("lib/rustlib").join(&found.host).is_dir());
        let key = identity(&own.join("bin/rustc")).unwrap();
        let other = Version::parse("host: x\nrelease: y\ncommit-hash: unknown\n");
        cache.put("rustc", &key, &other);
        let found = read();
        assert_eq!(
            (&*found.host, &*found.release, found.commit),
            ("x", "y", None)
        );
        install("two");
        assert_ne!(read().host, "x");
    }
}
