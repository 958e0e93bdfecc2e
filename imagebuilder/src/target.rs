//! Chooses the Rust target that builds a binary for a platform, and how it is linked.

use std::path::PathBuf;

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

    /// Whether it is this machine's architecture.
    pub(crate) fn is_native(&self) -> bool {
        self.architecture() == std::env::consts::ARCH
    }

    /// Whether Rust links without the help of another program: rust-lld has only the C library and start files of
    /// the Rust target.
    pub(crate) fn links_itself(&self) -> bool {
        self.libc == Libc::Musl && self.rust_lld
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
