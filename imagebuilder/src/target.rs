//! Chooses the Rust target that builds a binary for a platform, and how it is linked.

use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_platform::Cfg;
use clap::ValueEnum;
use oci::Platform;
use serde::Deserialize;

/// Why no binary can be built for a platform.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("cannot build for {platform}: only linux/amd64 and linux/arm64 are supported")]
    Unsupported { platform: Box<Platform> },
    #[error("cannot build for {platform}: the Rust target {triple} is not installed")]
    NotInstalled {
        platform: Box<Platform>,
        triple: &'static str,
    },
    #[error("cannot run `{}`", program.display())]
    Rustc {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{} {args}` failed: {stderr}", program.display())]
    RustcFailed {
        program: PathBuf,
        args: String,
        stderr: String,
    },
}

/// How a platform's binary is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Rust's name for it.
    pub(crate) triple: &'static str,
    /// The C library that is linked.
    pub(crate) libc: Libc,
    /// Whether Rust's own linker is installed, so that no C toolchain is needed.
    pub(crate) rust_lld: bool,
}

impl Target {
    /// The machine, as Rust names it.
    pub(crate) fn architecture(&self) -> &'static str {
        self.triple.split('-').next().unwrap_or(self.triple)
    }

    /// The environment variable by which Cargo chooses the linker.
    pub(crate) fn linker_variable(&self) -> String {
        let triple = self.triple.replace('-', "_").to_ascii_uppercase();
        format!("CARGO_TARGET_{triple}_LINKER")
    }
}

/// A C library, and how it is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Libc {
    /// musl, which comes with the Rust target, statically.
    Musl,
    /// The build machine's glibc, statically, if the musl target is not installed.
    Glibc,
    /// The glibc of the base, dynamically.
    GlibcOfBase,
}

/// The C library in settings or on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CLibrary {
    /// Statically linked; the image needs no base.
    Musl,
    /// Dynamically linked; the base must have it.
    Glibc,
}

/// The Rust toolchain that the workspace uses.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    rustc: PathBuf,
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
    /// Runs the `rustc` that is in effect in `directory`: rustup's may differ between directories.
    pub(crate) fn read(directory: &Path) -> Result<Self, TargetError> {
        let rustc = PathBuf::from("rustc");
        // Both run at the same time, since each takes a while to start.
        let (version, sysroot) = std::thread::scope(|scope| {
            let sysroot = scope.spawn(|| run(&rustc, directory, &["--print", "sysroot"]));
            let version = run(&rustc, directory, &["-vV"]);
            (version, sysroot.join().expect("running it does not panic"))
        });
        let (version, sysroot) = (version?, sysroot?);
        let field = |name: &str| {
            version
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::to_owned)
        };
        Ok(Self {
            directory: directory.to_owned(),
            sysroot: sysroot.trim_end().into(),
            commit: field("commit-hash: ").filter(|hash| hash != "unknown"),
            release: field("release: ").unwrap_or_default(),
            host: field("host: ").unwrap_or_default(),
            rustc,
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
        let printed = run(
            &self.rustc,
            &self.directory,
            &["--print", "cfg", "--target", triple],
        )?;
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

fn run(program: &Path, directory: &Path, args: &[&str]) -> Result<String, TargetError> {
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
