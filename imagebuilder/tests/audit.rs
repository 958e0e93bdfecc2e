//! What `cargo audit bin` finds in the binaries of images.
//!
//! Needs `umoci`, and `cargo-audit` on `PATH`: `make test-audit` compiles it.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod sandbox;

use std::process::Command;

use crate::sandbox::{QUIET, Run, Sandbox, tool};

/// A program that links `itoa` by `serde_json`, and `syn` only into a procedural macro.
fn workspace() -> Sandbox {
    let sandbox = Sandbox::with_dependencies(
        "serde = { version = \"1\", features = [\"derive\"] }\nserde_json = \"1\"\n",
    );
    sandbox.write(
        "hello/src/main.rs",
        "#[derive(serde::Serialize)] struct Count(usize);
         fn main() {
             let count = Count(std::env::args().count());
             println!(\"{}\", serde_json::to_string(&count).unwrap());
         }",
    );
    sandbox
}

/// Writes a database with one advisory, for all versions of a crate.
fn advisory(sandbox: &Sandbox, package: &str) {
    let path = format!("{package}.db/crates/{package}/RUSTSEC-2000-0001.md");
    let text = format!(
        "```toml\n[advisory]\nid = \"RUSTSEC-2000-0001\"\npackage = \"{package}\"\ndate = \"2000-01-01\"\n\
         [versions]\npatched = []\n```\n\n# A title\n\nA description.\n"
    );
    sandbox.write(&path, &text);
}

/// Builds an image with these arguments, and scans its program for the advisory of a crate.
fn scan(sandbox: &Sandbox, package: &str, more: &[&str]) -> Run {
    let name = format!(
        "{package}-{}",
        more.concat().replace(|c: char| !c.is_alphanumeric(), "")
    );
    let output = format!("--output=oci:img:{name}:x");
    let args = [&["build", "hello", QUIET, &output], more].concat();
    sandbox.run(&args).reference();
    let image = format!("img:{name}:x");
    let args = ["unpack", "--rootless", "--image", &image, &name];
    tool(sandbox.path(), "umoci", &args);
    let output = Command::new("cargo-audit")
        .args(["audit", "--no-fetch", "--db", &format!("{package}.db")])
        .args(["bin", &format!("{name}/rootfs/usr/local/bin/hello")])
        .current_dir(sandbox.path())
        .output();
    let output = output.unwrap_or_else(|error| panic!("`cargo-audit` is needed here: {error}"));
    Run::of(sandbox.path(), output)
}

#[test]
fn it_finds_a_vulnerable_crate_that_is_linked_and_none_that_only_builds() {
    let sandbox = workspace();
    for package in ["itoa", "syn"] {
        advisory(&sandbox, package);
    }
    for platform in ["linux/amd64", "linux/arm64"] {
        let platform = format!("--platform={platform}");
        let found = scan(&sandbox, "itoa", &[&platform]);
        found.fails(1, "Found 'cargo auditable' data");
        assert!(
            found.stdout.contains("RUSTSEC-2000-0001") && found.stdout.contains("itoa"),
            "{}",
            found.stdout
        );
        let none = scan(&sandbox, "syn", &[&platform]);
        none.succeeds();
        let message = "Found 'cargo auditable' data";
        assert!(none.stderr.contains(message), "{}", none.stderr);
    }
    let without = scan(&sandbox, "itoa", &["--no-auditable"]);
    assert!(
        !without.stderr.contains("Found 'cargo auditable' data"),
        "{}",
        without.stderr
    );
}
