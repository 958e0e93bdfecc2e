//! The events of a builder.

use std::fmt;
use std::path::PathBuf;

use cli::Bytes;
use oci::{Platform, Reference};

use crate::target::{Libc, Target};

/// An event of a builder.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Cargo starts. It may find that there is nothing to do.
    Compiling {
        package: String,
        platform: Platform,
        target: Target,
    },
    /// Another build has the turn.
    Waiting { target: Target },
    /// A binary is ready to be packed.
    Compiled {
        package: String,
        platform: Platform,
        binary_bytes: u64,
    },
    /// A line of Cargo's diagnostics.
    Diagnostic { line: String },
    /// A binary contains a path of this machine.
    Path { package: String, found: String },
    /// The threads of a program share musl's allocator.
    MuslAllocator { package: String },
    /// C was compiled with the headers of a C library other than the one that is linked.
    ForeignHeaders { target: Target },
    /// The layers of the base are read, to check a binary that is linked dynamically.
    ReadingBase { base: String, bytes: u64 },
    /// A bill of materials was written.
    Sbom { path: PathBuf },
    /// An image was stored.
    Packed {
        name: Reference,
        platform: Platform,
        layer_bytes: u64,
    },
}

/// The line that reports an event.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compiling {
                package,
                platform,
                target,
            } => {
                write!(f, "Compiling {package} for {platform} ({})", target.triple)?;
                match target.libc {
                    Libc::Musl | Libc::GlibcOfBase => Ok(()),
                    Libc::Glibc => f.write_str(
                        ": the musl target is not installed, so glibc is linked statically",
                    ),
                }
            }
            Self::Waiting { target } => {
                write!(f, "Waiting for another build for {}", target.triple)
            }
            Self::Compiled {
                package,
                platform,
                binary_bytes,
            } => {
                write!(
                    f,
                    "Compiled {package} for {platform}: {}",
                    Bytes(*binary_bytes)
                )
            }
            Self::Path { package, found } => write!(
                f,
                "the binary of {package} contains `{found}`: its digest depends on this path"
            ),
            Self::MuslAllocator { package } => write!(
                f,
                "Hint: {package} starts threads, which all contend for the single lock of musl's allocator; \
                mimalloc as `#[global_allocator]` is faster and takes a few MiB of memory, and \
                `allocator = \"musl\"` in [package.metadata.image] keeps musl's without this hint"
            ),
            Self::Diagnostic { line } => f.write_str(line),
            Self::ForeignHeaders { target } => write!(
                f,
                "C dependencies were compiled for {} with a compiler for glibc, whose headers differ \
                 from musl's; zig or {}-linux-musl-gcc is better",
                target.triple,
                target.architecture()
            ),
            Self::ReadingBase { base, bytes } => write!(
                f,
                "Reading the layers of {base} to check the binary against its libraries: {}",
                Bytes(*bytes)
            ),
            Self::Sbom { path } => write!(f, "Wrote {}", path.display()),
            Self::Packed {
                name,
                platform,
                layer_bytes,
            } => {
                write!(
                    f,
                    "Packed {name} for {platform}: {} compressed",
                    Bytes(*layer_bytes)
                )
            }
        }
    }
}
