//! Images with bases from a layout, from a registry, and for a binary that needs the base's libraries.
//!
//! Needs `skopeo` and `umoci`, and as linker for glibc `cc`; it fails where they are missing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../sandbox/mod.rs"]
mod sandbox;

mod bases;
mod dynamic;
mod layouts;
mod registries;
