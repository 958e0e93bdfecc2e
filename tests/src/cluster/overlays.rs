//! The overlays that the tests deploy: the one for one machine, and variants of it.

use std::path::{Path, PathBuf};

use crate::manifests::{repository, variant};

/// The overlay for one machine.
pub fn local() -> PathBuf {
    repository().join("k8s/overlays/local")
}

/// The overlay `local` with a strategic merge patch on an object, written into `scratch`.
pub fn patched(scratch: &Path, name: &str, kind: &str, patch: &str) -> PathBuf {
    variant(&scratch.join("cluster"), name, &local(), kind, patch)
}

/// The overlay `local` with a strategic merge patch on the Deployment's container.
pub fn changed(scratch: &Path, name: &str, container: &str) -> PathBuf {
    let patch = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: rust-app, namespace: rust-app}}\n\
         spec: {{template: {{spec: {{containers: [{{name: rust-app, {container}}}]}}}}}}\n"
    );
    patched(scratch, name, "Deployment", &patch)
}

/// The overlay `local` with the drain off: the negative control. A test that loses no request with the
/// drain has to lose some with this.
pub fn drainless(scratch: &Path) -> PathBuf {
    changed(
        scratch,
        "drainless",
        "env: [{name: APP_DRAIN_PROFILE, value: \"off\"}, {name: APP_DRAIN_DELAY, $patch: delete}, \
         {name: APP_DRAIN_DEADLINE, $patch: delete}]",
    )
}
