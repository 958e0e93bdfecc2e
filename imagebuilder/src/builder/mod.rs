//! Builds the image of a package in a layout: compiles, checks and packs it for each platform.

mod build;
mod built;
mod compile;
mod error;
mod event;
mod turn;

pub(crate) use build::{Builder, image_name, target_platforms};
pub(crate) use built::Built;
pub(crate) use error::BuildError;
pub(crate) use event::Event;
