//! Builds the image of a package in a layout: compiles, checks and packs it for each platform.
//!
//! `build` has the order. `check` and `assets` find what cannot be packed before anything is compiled; `compile` runs
//! Cargo, and checks the binaries; `layers` packs them; `turn` lets one build at a time use a target and profile.

mod assets;
mod build;
mod built;
mod check;
mod compile;
mod error;
mod event;
mod layers;
mod names;
mod platforms;
mod turn;

pub(crate) use build::Builder;
pub(crate) use built::Built;
pub(crate) use error::BuildError;
pub(crate) use event::Event;
pub(crate) use names::image_name;
pub(crate) use platforms::target_platforms;
