//! The arguments for Cargo that link a binary without paths of this machine in it.
//!
//! Cargo's hashes of a unit depend neither on the location of the workspace nor on the paths in these flags
//! (tested with Cargo 1.95: two folders and two target directories give the same bytes). What remains are
//! the paths that rustc writes into panic messages and debug information.

use std::ffi::OsString;
use std::path::Path;

use crate::cargo_config::CargoConfig;
use crate::paths::PathMap;
use crate::target::{Libc, Target};
use crate::toml_string::toml_string;

/// Whether Rust's own linker links for a target, because no other one is chosen.
pub(crate) fn rust_lld_links(target: Target, config: &CargoConfig) -> bool {
    target.links_itself() && !config.chooses_linker()
}

/// The arguments that choose target, linker and flags, for a Cargo profile.
///
/// They are `--config`, not the variable `RUSTFLAGS`, which would replace the flags of `config`. A
/// linker that `config` chooses is left alone; else `linker` is used, if there is one.
pub(crate) fn arguments(
    target: Target,
    paths: &PathMap,
    config: &CargoConfig,
    profile: &str,
    linker: Option<&Path>,
) -> Vec<OsString> {
    let triple = target.triple;
    let rust_lld = rust_lld_links(target, config);
    let mut flags = config.flags_to_pass_on().to_vec();
    match target.libc {
        Libc::Musl if rust_lld => flags.push("-Clink-self-contained=yes".to_owned()),
        Libc::Musl | Libc::Glibc => flags.push("-Ctarget-feature=+crt-static".to_owned()),
        Libc::GlibcOfBase => {}
    }
    flags.extend(paths.flags("--remap-path-prefix"));
    let list = flags
        .iter()
        .map(|flag| toml_string(flag))
        .collect::<Vec<_>>()
        .join(", ");
    let mut configs = vec![
        format!("target.{triple}.rustflags=[{list}]"),
        // Symbols are useless in an image without a debugger, and would make up most of its size.
        format!("profile.{}.strip=\"symbols\"", toml_string(profile)),
    ];
    if let Some(linker) = linker.filter(|_| !config.chooses_linker()) {
        let linker = toml_string(&linker.display().to_string());
        configs.push(format!("target.{triple}.linker={linker}"));
    }
    if rust_lld {
        configs.push(format!("target.{triple}.linker=\"rust-lld\""));
    }
    let mut arguments = vec!["--target".into(), triple.into()];
    for config in configs {
        arguments.push("--config".into());
        arguments.push(config.into());
    }
    arguments
}
