//! Software bills of materials: the crates that are linked into a binary.
//!
//! Not what Cargo.lock lists, but what Cargo compiled for this binary, target and features: build
//! scripts, procedural macros and what only they use are left out.

mod bom;
mod cyclonedx;
mod lock;
mod spdx;
mod write;

use std::path::PathBuf;

use clap::ValueEnum;

#[cfg(test)]
pub(crate) use lock::LockError;
pub(crate) use write::{Compiled, SbomError, write};

use bom::Bom;

/// The bills of materials that a run writes.
#[derive(Clone, Debug)]
pub(crate) struct Sbom {
    /// Where; created if it does not exist.
    pub(crate) directory: PathBuf,
    pub(crate) format: Format,
}

/// The format of a bill of materials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// SPDX 2.3 as JSON.
    #[default]
    Spdx,
    /// CycloneDX 1.6 as JSON.
    Cyclonedx,
}

impl Format {
    /// The end of a file's name, as tools recognize it.
    fn extension(self) -> &'static str {
        match self {
            Self::Spdx => "spdx.json",
            Self::Cyclonedx => "cdx.json",
        }
    }

    /// The document, with a line break at its end. The same bill gives the same bytes.
    fn document(self, bom: &Bom) -> Vec<u8> {
        let value = match self {
            Self::Spdx => spdx::document(bom),
            Self::Cyclonedx => cyclonedx::document(bom),
        };
        let mut bytes = serde_json::to_vec_pretty(&value).expect("a value can be written");
        bytes.push(b'\n');
        bytes
    }
}

/// What both formats say made the document.
const TOOL: (&str, &str) = ("imagebuilder", env!("CARGO_PKG_VERSION"));
