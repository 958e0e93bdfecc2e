//! The base of an image: nothing, or another image.
//!
//! Usually only the manifests and configurations of a base are read (`image`, `origin`). Its layers are read only
//! when an image is copied to a destination that does not have them (`content`), or to check a binary that is
//! linked dynamically (`layers`). `imagebuilder.lock` (`pins`) pins a base's digest, so that a moved tag does not
//! change the image. An image without a base has the few `files` that programs expect.

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
