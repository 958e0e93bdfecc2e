//! Finds the programs under test.

use std::path::PathBuf;

/// The path of one of the workspace's binaries, as `make build-all` left it beside the test.
///
/// # Panics
/// When it has not been built.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a process knows its own path");
    // target/debug/deps/up-1234 → target/debug
    let profile = test
        .ancestors()
        .nth(2)
        .expect("cargo puts tests two levels below the profile");
    let path = profile.join(name);
    assert!(
        path.exists(),
        "{} is missing; `make build-all` compiles it",
        path.display()
    );
    path
}
