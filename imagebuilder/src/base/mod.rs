//! The base of an image: nothing, or another image.
//!
//! Usually only the manifests and configurations of a base are read. Its layers are read only when an image
//! is copied to a destination that does not have them, or to check a binary that is linked dynamically.
//! `imagebuilder.lock` pins a base's digest, so that a moved tag does not change the image.

mod content;
mod error;
mod files;
mod image;
mod layers;
mod origin;
mod pins;

pub(crate) use content::Content;
pub(crate) use error::BaseError;
pub(crate) use files::{CERTIFICATES, layer};
pub(crate) use image::{Base, BaseImage};
pub(crate) use origin::Origin;
pub(crate) use pins::{LOCK_FILE, PinError, Pins};
