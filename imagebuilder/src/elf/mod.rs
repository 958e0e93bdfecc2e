//! Checks whether a binary can run on its base.
//!
//! A static binary for the right machine runs everywhere. One that is linked dynamically needs an
//! interpreter, libraries, and a sufficiently new glibc: those in its headers are looked up in the base, in
//! the folders that the dynamic loader searches. Neither the dependencies of these libraries nor files that
//! the program opens at run time are checked.
//!
//! `needs` reads the headers, `root_fs` the base's folders, and `check` compares them.

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
