//! The overlays that the tests deploy: the one for one machine, and variants of it.

use std::path::{Path, PathBuf};

use ship::relative_path;

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

/// The overlay `local` and a worker, a Deployment that is not behind the load balancer. It comes first, and its
/// container has the fields `container`.
///
/// # Panics
/// When `scratch` cannot be written.
pub fn with_worker(scratch: &Path, name: &str, container: &str) -> PathBuf {
    let folder = scratch.join("cluster").join(name);
    std::fs::create_dir_all(&folder).expect("the scratch folder can be written");
    let worker = format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: a-worker, namespace: rust-app}}
spec:
  selector: {{matchLabels: {{app: worker}}}}
  template:
    metadata: {{labels: {{app: worker}}}}
    spec:
      securityContext: {{runAsNonRoot: true, runAsUser: 10001, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
        - name: worker
          image: cargo://app
          securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
          {container}
"
    );
    let overlay = relative_path(&folder, &local()).expect("both folders are there");
    let kustomization = format!("resources: [worker.yaml, {}]\n", overlay.display());
    for (file, text) in [
        ("worker.yaml", worker),
        ("kustomization.yaml", kustomization),
    ] {
        std::fs::write(folder.join(file), text).expect("the folder was just created");
    }
    folder
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
