//! Why a binary cannot run in an image.

use std::path::PathBuf;

use oci::Platform;

use super::glibc::GlibcVersion;

/// Why a binary cannot run in an image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ElfError {
    #[error("`{}` is not a 64-bit ELF file", path.display())]
    NotElf {
        path: PathBuf,
        #[source]
        source: object::Error,
    },
    #[error("`{}` is not for {platform} (ELF machine {machine})", path.display())]
    Machine {
        path: PathBuf,
        platform: Box<Platform>,
        machine: u16,
    },
    #[error("`{}` is linked dynamically: it needs {interpreter}, which an empty image does not have", path.display())]
    Dynamic { path: PathBuf, interpreter: String },
    #[error("`{}` needs the dynamic loader {interpreter}, which {base} does not have", path.display())]
    Interpreter {
        path: PathBuf,
        interpreter: String,
        base: String,
    },
    #[error("`{}` needs {libraries}, which {base} does not have", path.display())]
    Libraries {
        path: PathBuf,
        /// Their names, separated by commas.
        libraries: String,
        base: String,
    },
    #[error("`{}` needs glibc {needed}, but {base} has {available}", path.display())]
    Glibc {
        path: PathBuf,
        needed: GlibcVersion,
        base: String,
        available: GlibcVersion,
    },
    #[error("`{}` needs glibc {needed}, but the libc of {base} cannot be read", path.display())]
    UnknownGlibc {
        path: PathBuf,
        needed: GlibcVersion,
        base: String,
    },
}
