//! Software bills of materials: the crates that are linked into a binary.
//!
//! They do not list everything in Cargo.lock, but the crates that Cargo compiled for this binary, target and
//! features, without build scripts, procedural macros and their dependencies.

mod bom;
mod cyclonedx;
mod listed;
mod lock;
mod spdx;
mod write;

use std::path::PathBuf;

use clap::ValueEnum;

pub(crate) use listed::Listed;
#[cfg(test)]
pub(crate) use lock::LockError;
pub(crate) use write::{Bill, Compiled, SbomError, bill};

use bom::Bom;

/// The destinations of a run's bills of materials.
#[derive(Clone, Debug)]
pub(crate) struct Sbom {
    /// Attaches each to its platform's image.
    pub(crate) attach: bool,
    /// Writes each to a file in this directory, which is created if it does not exist.
    pub(crate) directory: Option<PathBuf>,
    pub(crate) format: Format,
}

impl Sbom {
    /// Checks that the files can be written.
    pub(crate) fn check(&self) -> Result<(), SbomError> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        cli::check_replaceable(&directory.join("sbom")).map_err(|source| SbomError::Write {
            path: directory.clone(),
            source,
        })
    }

    /// Whether bills of materials are needed.
    pub(crate) fn is_wanted(&self) -> bool {
        self.attach || self.directory.is_some()
    }
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
    /// Its media type, by which it is found among the referrers of an image.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Spdx => "application/spdx+json",
            Self::Cyclonedx => "application/vnd.cyclonedx+json",
        }
    }

    /// The end of a file's name, as tools recognize it.
    fn extension(self) -> &'static str {
        match self {
            Self::Spdx => "spdx.json",
            Self::Cyclonedx => "cdx.json",
        }
    }

    /// The document, with a line break at its end. It is the same for equal bills of materials.
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

/// The program that both formats name as the document's creator.
const TOOL: (&str, &str) = ("imagebuilder", env!("CARGO_PKG_VERSION"));
