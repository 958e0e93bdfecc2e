//! The arguments for Cargo: a static binary, with no path of this machine in it.
//!
//! Cargo's own hashes of a unit do not depend on where the workspace lies, nor on these flags'
//! paths (measured with Cargo 1.95: two folders and two target directories give the same bytes).
//! What remains are the paths that rustc writes into panic messages and debug information.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::cargo_config::CargoConfig;
use crate::target::{Libc, Target, Toolchain};

/// What of this machine must not be seen in a binary.
#[derive(Debug)]
pub(crate) struct Paths<'a> {
    pub(crate) workspace: &'a Path,
    pub(crate) target_dir: &'a Path,
    pub(crate) cargo_home: Option<&'a Path>,
    /// The folders of `registry/src` in Cargo's home: one for each registry or mirror.
    pub(crate) registries: &'a [PathBuf],
}

/// The arguments that choose target, linker and flags, for a Cargo profile.
///
/// They are `--config`, not the variable `RUSTFLAGS`, which would replace the flags of `config`. A
/// linker that `config` chooses is left alone.
pub(crate) fn arguments(
    target: Target,
    toolchain: &Toolchain,
    paths: &Paths,
    config: &CargoConfig,
    profile: &str,
) -> Vec<OsString> {
    let triple = target.triple;
    let rust_lld = target.rust_lld && !config.chooses_linker();
    let mut flags = config.flags_to_pass_on().to_vec();
    match target.libc {
        // rust-lld finds no C library and start files but those of the Rust target.
        Libc::Musl if rust_lld => flags.push("-Clink-self-contained=yes".to_owned()),
        Libc::Musl | Libc::Glibc => flags.push("-Ctarget-feature=+crt-static".to_owned()),
    }
    flags.extend(remaps(toolchain, paths));
    let list = flags
        .iter()
        .map(|flag| toml_string(flag))
        .collect::<Vec<_>>()
        .join(", ");
    let mut configs = vec![
        format!("target.{triple}.rustflags=[{list}]"),
        // Symbols are no use in an image that has no debugger, and are most of its size.
        format!("profile.{}.strip=\"symbols\"", toml_string(profile)),
    ];
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

/// The last that matches counts, so what is inside another comes after it.
fn remaps(toolchain: &Toolchain, paths: &Paths) -> Vec<String> {
    let mut pairs: Vec<(PathBuf, String)> = Vec::new();
    pairs.push((toolchain.sysroot.clone(), "/rust".to_owned()));
    if let Some(commit) = &toolchain.commit {
        // With the component rust-src, rustc finds the standard library's sources on this machine
        // and names them; without it, it names them so.
        let sources = toolchain.sysroot.join("lib/rustlib/src/rust");
        pairs.push((sources, format!("/rustc/{commit}")));
    }
    if let Some(home) = paths.cargo_home {
        pairs.push((home.to_owned(), "/cargo".to_owned()));
    }
    for registry in paths.registries {
        // The folder's name has a hash of the registry's address, which a mirror changes.
        pairs.push((registry.clone(), "/cargo/registry".to_owned()));
    }
    pairs.push((paths.workspace.to_owned(), "/workspace".to_owned()));
    pairs.push((paths.target_dir.to_owned(), "/target".to_owned()));
    pairs
        .into_iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect()
}

/// A TOML basic string, escaped as <https://toml.io/en/v1.0.0#string> asks.
fn toml_string(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                write!(out, "\\u{:04X}", u32::from(c)).expect("writing to memory cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped() {
        assert_eq!(toml_string("a\"b\\c\nd é"), "\"a\\\"b\\\\c\\u000Ad é\"");
    }
}
