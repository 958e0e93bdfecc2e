//! The exit code and hint of every error.
//!
//! Each match names every variant, so that a new one does not compile until its exit code is decided. The
//! errors of [`oci`] do not know this program's exit codes; `layout`, `place` and `registry` define them.
//! `registry_hint` has the hints for a registry's refusals.

mod attest;
mod build;
mod command;
mod engine;
mod layout;
mod place;
mod registry;
mod registry_exit;
mod registry_hint;
#[cfg(all(test, feature = "ecr"))]
mod table;
