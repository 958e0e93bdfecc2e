//! What an image is built on: nothing, or another image.
//!
//! Of a base only manifests and configurations are read. Its layers are descriptors until an image
//! is brought to a place that does not have them; they are also read to check a binary that is linked
//! dynamically. `imagebuilder.lock` keeps a base's digest, so that a tag that moves does not change
//! the image.

mod content;
mod error;
mod files;
mod image;
mod layers;
mod origin;
mod pins;

pub(crate) use content::Content;
pub(crate) use error::BaseError;
pub(crate) use files::{CERTIFICATES, files};
pub(crate) use image::{Base, BaseImage};
pub(crate) use origin::Origin;
pub(crate) use pins::{PinError, Pins};
