//! The manifests under `k8s/`, as kustomize renders them. Needs kubectl, and no cluster.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

mod load_balancer;
mod pods;
mod rollout;
mod schemas;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use e2e::manifests::{Rendered, render};

const VERSIONS: [&str; 3] = ["kubernetes-v1.34", "kubernetes-v1.35", "kubernetes-v1.36"];

fn k8s() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../k8s")
}

/// Rendered once for all tests.
static COMBINED: LazyLock<Vec<(String, Rendered)>> = LazyLock::new(|| {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("manifests");
    let mut all = vec![("base".to_owned(), render(&k8s().join("base")))];
    for combination in e2e::manifests::combinations(&scratch) {
        all.push((combination.name, render(&combination.folder)));
    }
    all
});

fn combinations() -> &'static [(String, Rendered)] {
    &COMBINED
}
