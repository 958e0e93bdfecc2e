//! The [image layout](https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md):
//! a directory with `oci-layout`, `index.json` and `blobs/sha256/…`.
//!
//! A process killed at any moment leaves a valid layout: every file appears by a rename, after its
//! bytes are on disk, and the index is changed last and under a lock. The next writer removes what a
//! killed process left in `.ingest`.
//!
//! `store` opens, locks and cleans it, `read` and `write` have the blobs, and `index` the images and their names.
//! A layout may also be in a tar, which is read-only (`archive`).

mod archive;
mod error;
mod file;
mod index;
mod read;
mod referrers;
mod store;
mod transfer;
mod write;

pub use error::{LayoutError, LayoutErrorKind};
pub use store::Layout;
pub use write::BlobWriter;
