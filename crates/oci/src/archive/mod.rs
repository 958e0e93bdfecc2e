//! Images as one tar that every engine loads: an OCI layout, and beside it the `manifest.json` of
//! `docker save`, by which Docker before version 25 finds them.
//!
//! [image-layout](https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md) and
//! [Docker's format](https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format).
//! Its bytes are a function of the images and their names alone. Reading one is
//! [`Layout::open_archive`](crate::layout::Layout::open_archive).

mod contents;
mod reader;

pub use contents::Archive;
pub use reader::ArchiveReader;
