//! From a package to an image in a layout: compile, check, pack, for each platform.

mod build;
mod error;
mod event;

pub(crate) use build::{Builder, image_name};
pub(crate) use error::BuildError;
pub(crate) use event::Event;
