//! Images as one tar that every engine can load: an OCI layout, with the `manifest.json` of `docker save`,
//! which Docker needs before version 25.
//!
//! [image-layout](https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md) and
//! [Docker's format](https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format).
//! Its bytes (`contents`) depend only on the images and their names. To read one, see
//! [`Layout::open_archive`](crate::layout::Layout::open_archive).

mod contents;
mod reader;

pub use contents::Archive;
pub use reader::ArchiveReader;
