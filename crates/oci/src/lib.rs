//! Container images as data: digests, references, platforms, the image model, and the layout on
//! disk that holds them.
//!
//! [`copy`](copy::copy) moves images between the places that hold them; with the feature `registry`
//! a registry is one.
//!
//! Everything here is synchronous and verified: a [`Digest`] is always well-formed, reading content through
//! a [`Descriptor`] fails unless the content matches, and the size of a document is checked before it is
//! parsed. The crate knows nothing of Cargo, AWS or containerd.
//!
//! Specifications: [image-spec](https://github.com/opencontainers/image-spec/blob/v1.1.1/spec.md),
//! [distribution-spec](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).

pub mod annotation;
pub mod archive;
pub mod copy;
mod descriptor;
mod digest;
mod docker_hub;
pub mod image;
pub mod layout;
mod media_type;
mod platform;
mod reference;
pub mod referrers;
#[cfg(feature = "registry")]
pub mod registry;
mod verify;

pub use descriptor::Descriptor;
pub use digest::{Digest, DigestError, Hasher};
pub use media_type::{Compression, Kind, MediaType};
pub use platform::{Platform, PlatformError};
pub use reference::{Reference, ReferenceError};
pub use verify::{Mismatch, VerifyingReader};
