//! The exit code and hint of every error.
//!
//! Each match names every variant, so that a new one does not compile before its exit code is
//! decided. The errors of [`oci`] do not know this program's exit codes; `layout` decides for them.

mod command;
mod library;
#[cfg(test)]
mod table;
