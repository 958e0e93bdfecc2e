//! A commented `[package.metadata.image]` for a package, with what its sources say of the image.

mod find;
mod text;

pub(crate) use find::find;
pub(crate) use text::text;
