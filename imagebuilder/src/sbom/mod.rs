//! Software bills of materials: the crates that are linked into a binary.
//!
//! They do not list everything in Cargo.lock, but the crates that Cargo compiled for this binary, target and
//! features, without build scripts, procedural macros and their dependencies.

mod bom;
mod cyclonedx;
mod error;
mod format;
mod listed;
mod lock;
mod options;
mod spdx;
mod write;

pub(crate) use error::SbomError;
pub(crate) use format::Format;
pub(crate) use listed::Listed;
#[cfg(test)]
pub(crate) use lock::LockError;
pub(crate) use options::SbomOptions;
pub(crate) use write::{Bill, Compiled, bill};
