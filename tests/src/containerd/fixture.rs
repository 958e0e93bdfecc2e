//! Programs that are compiled for the tests by rustc alone, static.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use oci::Digest;

/// One thread of a test binary compiles at a time: the next finds the program.
static TURN: Mutex<()> = Mutex::new(());

/// The program of `fixtures/NAME.rs`, compiled if it has changed.
///
/// # Panics
/// When rustc cannot compile it.
pub(super) fn fixture(name: &str) -> PathBuf {
    let source = format!("{}/fixtures/{name}.rs", env!("CARGO_MANIFEST_DIR"));
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let text = std::fs::read(&source).expect("the fixture is there");
    let name = format!("e2e-{name}-{}", &Digest::of(&text).hex()[..16]);
    let path = crate::program("nodectl").with_file_name(name);
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if path.exists() {
        return path;
    }
    // Two test binaries may compile at once: each to a file of its own, and the last rename wins.
    let own = path.with_extension(std::process::id().to_string());
    let status = Command::new("rustc")
        .args(["--edition", "2024", "-O", "-C", "panic=abort", "-C"])
        .args(["strip=symbols", "--target", &target, "-o"])
        .arg(&own)
        .arg(&source)
        .status()
        .expect("rustc can be run");
    assert!(
        status.success(),
        "rustc cannot compile {source} for {target}"
    );
    std::fs::rename(&own, &path).expect("a file can be renamed");
    path
}
