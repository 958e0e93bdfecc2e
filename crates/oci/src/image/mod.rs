//! The documents of an image: manifest, index and configuration.

mod config;
mod index;
mod json;
mod manifest;
mod referrer;

pub use config::Config;
pub use index::{Index, NoPlatform};
pub use json::{DocumentError, MAX_DOCUMENT_BYTES, canonical};
pub use manifest::{EMPTY_JSON, Manifest};
pub use referrer::Referrer;

/// oci-spec's model of a configuration, which [`Config`] reads into and writes from.
pub mod spec {
    pub use oci_spec::image::{
        Config, ConfigBuilder, History, HistoryBuilder, ImageConfiguration,
        ImageConfigurationBuilder, RootFs, RootFsBuilder,
    };
}
