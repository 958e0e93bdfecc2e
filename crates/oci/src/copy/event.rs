//! The events of a copy.

use super::destination::Stored;
use crate::Descriptor;

/// The progress of a copy, emitted from any thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyEvent<'a> {
    /// The blobs that the destination needs, some of which it may have.
    Blobs {
        /// Their number.
        count: u64,
        /// Their size in bytes.
        bytes: u64,
    },
    /// A blob is being sent. A retry starts at 0 again.
    Progress {
        /// The blob.
        descriptor: &'a Descriptor,
        /// The bytes read so far.
        bytes: u64,
    },
    /// The destination has a blob.
    Blob {
        /// The blob.
        descriptor: &'a Descriptor,
        /// How it came to be there.
        stored: Stored,
    },
    /// The destination has a manifest or index.
    Document {
        /// The manifest or index.
        descriptor: &'a Descriptor,
        /// Whether it was sent, rather than present before.
        sent: bool,
    },
    /// A layer that may not be distributed: its descriptor is copied, but not its blob.
    Foreign {
        /// The layer.
        descriptor: &'a Descriptor,
    },
    /// The image has this name.
    Named(&'a str),
}
