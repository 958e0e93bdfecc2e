//! The exit code and hint of every error.
//!
//! Each match names every variant, so that a new one does not compile before its exit code is
//! chosen. The errors of [`oci`] do not know this program's exit codes; `library` maps them.

mod command;
mod library;
#[cfg(test)]
mod table;
