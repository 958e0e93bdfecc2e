//! The C compiler for dependencies that compile C, such as ring and zstd-sys.
//!
//! The crates `cc` and `cmake` find a compiler by variables such as
//! `CC_x86_64_unknown_linux_musl` (<https://docs.rs/cc/latest/cc/#external-configuration-via-environment-variables>).
//! They are set to the names of wrapper scripts, whose folder is the first of Cargo's `PATH`: some
//! dependencies compile the compiler's name and flags into the binary (OpenSSL does), so neither may
//! have a path of this machine in it. The Rust side links with musl, which the Rust target has; with glibc, the
//! C compiler links.
//!
//! If the environment sets a compiler for the target, it is used as it is. C++ dependencies
//! compile, but a C++ standard library is not linked.
//!
//! `find` chooses the compiler, `wrapper` has the scripts and their flags, and `toolchain` the environment.

mod find;
mod toolchain;
mod wrapper;

pub(crate) use find::program;
pub(crate) use toolchain::{CError, CToolchain};
