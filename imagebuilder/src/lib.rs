//! From a Cargo workspace to container images, without a Dockerfile.
//!
//! A package is compiled, by default for a static target, checked, and packed into an OCI layout, with or
//! without a base. Manifests that refer to it as `cargo://PACKAGE` are rewritten to name the image by digest.
//! The same sources, toolchain and version of this program give the same digest on any machine and in any
//! folder.
//!
//! It does not run containers, and knows nothing of containerd.

mod allocator;
mod args;
mod assemble;
mod assets;
mod attest;
mod auditable;
mod base;
mod base_name;
mod builder;
mod c;
mod cache;
mod cargo;
mod cargo_config;
mod checkout;
mod commands;
mod compile;
mod contents;
mod diff;
mod elf;
mod engine;
mod environment;
mod fetch;
mod file_digest;
mod file_state;
mod files;
mod fit;
mod free_space;
mod image;
mod image_source;
mod init;
mod interrupt;
mod key;
mod layer;
mod link_arguments;
mod links;
mod metadata;
mod options;
mod package_id;
mod paths;
mod place;
mod program;
mod purl;
mod registry;
pub mod resolve;
mod rustup;
mod sbom;
mod scan;
mod scan_paths;
mod setting_values;
mod settings;
mod spec;
mod target;
mod toml_string;
mod toolchain;
mod verdict;
mod workspace;

pub use commands::main;
