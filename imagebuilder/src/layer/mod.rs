//! Layers: deterministic tar, compressed and hashed as it is written.
//!
//! The bytes of a layer depend only on its files, the compression and [`CONTRACT`], and not on the number of
//! cores or the order in which files were added. `files` has the tar, `compression` the formats, `gzip` the
//! blocks, `writer` the threads, and `pack` the cache of layers.

mod compression;
mod files;
mod gzip;
mod pack;
mod writer;

pub(crate) use compression::LayerCompression;
pub(crate) use files::{Files, LayerError};
pub(crate) use pack::{Layer, Packer};

/// The version of everything that determines the bytes of an image: the order of layers, the tar, and the
/// compressors with their settings. It is raised when one of them changes, since then every digest changes.
pub(crate) const CONTRACT: u32 = 2;
