//! Finds the files of assets.
//!
//! `collector` walks the directories of the sources. It opens no file: that is done when a layer is packed.

mod collector;
mod file_system;
mod pattern;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use collector::collect;
