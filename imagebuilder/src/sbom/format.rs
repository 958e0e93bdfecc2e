//! The formats of bills of materials.

use clap::ValueEnum;

use super::bom::Bom;
use super::{cyclonedx, spdx};

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
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Spdx => "spdx.json",
            Self::Cyclonedx => "cdx.json",
        }
    }

    /// The document, with a line break at its end. It is the same for equal bills of materials.
    pub(super) fn document(self, bom: &Bom) -> Vec<u8> {
        let value = match self {
            Self::Spdx => spdx::document(bom),
            Self::Cyclonedx => cyclonedx::document(bom),
        };
        let mut bytes = serde_json::to_vec_pretty(&value).expect("a value can be written");
        bytes.push(b'\n');
        bytes
    }
}
