//! The real program on small workspaces: its output, its exit code, and the files that it leaves.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test builds the environment of a program"
)]

#[path = "../sandbox/mod.rs"]
mod sandbox;

mod apply;
mod differences;
mod images;
mod init;
mod manifests;
mod output;
mod packages;
mod refusals;
