//! Images with bases from a layout, from a registry, and for a binary that needs the base's libraries.
//!
//! Needs `skopeo`, `umoci`, `qemu-user-static`, `ziglang` of `PyPI` in `target/zig`, and as linkers for glibc
//! `cc` and the GCC for the other architecture; it fails where they are missing. `dev/install test` installs them.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

#[path = "../sandbox/mod.rs"]
mod sandbox;

mod bases;
mod dynamic;
mod foreign;
mod layouts;
mod registries;
