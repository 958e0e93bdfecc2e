//! Fetching the sources of dependencies before the paths of this machine are listed.
//!
//! Below Cargo's home, the folder of a registry's sources has a hash in its name, so that its path is only known
//! once Cargo has unpacked something into it: on a new machine, only after the compilation that must replace it.

use std::process::Stdio;

use oci::Digest;

use crate::environment::Environment;
use crate::options::Options;
use crate::paths;
use crate::rustup;
use crate::target::Target;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// The cached result: these sources exist.
const KIND: &str = "sources";

/// Lets Cargo fetch what Cargo.lock lists for a target, unless it already has. An error is left to the
/// compilation, which reports it, except that a signal stopped it: that is returned.
pub(crate) fn fetch(
    environment: &Environment,
    workspace: &Workspace,
    toolchain: &Toolchain,
    target: Target,
    options: &Options,
) -> Result<(), Interrupted> {
    let cache = workspace.cache();
    if cache.get::<bool>(KIND, &key(environment, workspace, target)) == Some(true) {
        return Ok(());
    }
    let mut command = rustup::cargo(environment, &toolchain.sysroot);
    command
        .current_dir(workspace.root())
        .args(["fetch", "--target", target.triple])
        .arg("--manifest-path")
        .arg(workspace.root_manifest())
        .args(options.cargo.lock_flags())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if options.quiet {
        // Cargo reports what it cannot fetch when it compiles.
        command.arg("--quiet").stderr(Stdio::null());
    }
    let Ok(mut running) = environment.interrupts.spawn(&mut command) else {
        return Ok(());
    };
    let status = running.child().wait();
    if running.interrupted() {
        return Err(Interrupted);
    }
    if status.is_ok_and(|status| status.success()) {
        // Cargo may have written the lock file, and created the folder.
        cache.put(KIND, &key(environment, workspace, target), &true);
    }
    Ok(())
}

/// A signal stopped Cargo.
#[derive(Debug)]
pub(crate) struct Interrupted;

/// What the sources depend on, and the folders that they are in.
fn key(environment: &Environment, workspace: &Workspace, target: Target) -> String {
    let lock = std::fs::read(workspace.root().join("Cargo.lock")).unwrap_or_default();
    let home = environment.cargo_home.as_deref();
    let folders = home.map(paths::registries).unwrap_or_default();
    format!("{} {} {folders:?}", target.triple, Digest::of(&lock))
}
