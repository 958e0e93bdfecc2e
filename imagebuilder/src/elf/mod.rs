//! Whether a binary can run on the base that it is given.
//!
//! A static one of the right machine runs everywhere. One that is linked dynamically needs an
//! interpreter, libraries, and a glibc that is new enough: what its headers name is looked for in the
//! base, in the folders in which the dynamic loader searches. What those libraries need in turn, and
//! what is opened while the program runs, is not checked.

mod check;
mod error;
mod glibc;
mod needs;
mod root_fs;

pub(crate) use check::{Against, check};
pub(crate) use error::ElfError;
#[cfg(test)]
pub(crate) use glibc::GlibcVersion;
pub(crate) use needs::needs;
pub(crate) use root_fs::RootFs;
