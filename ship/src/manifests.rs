//! The overlay, rendered, and what in it the other commands have to know by name.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;
use thiserror::Error;

use crate::kubectl::KubectlError;

/// What stands where a user has to put something of their own.
const PLACEHOLDER: &str = "REPLACE-ME";
/// The image that imagebuilder resolves.
const UNRESOLVED: &str = "cargo://app";

/// Manifests that cannot be deployed as they are.
#[derive(Debug, Error)]
pub(super) enum ManifestError {
    /// There is no such overlay.
    #[error("there is no kustomization in {folder}")]
    NoOverlay {
        /// Where one was looked for.
        folder: String,
        /// What there is beside it.
        known: Vec<String>,
    },
    /// kustomize refused.
    #[error("cannot render {folder}: {message}")]
    Kustomize {
        /// The overlay.
        folder: String,
        /// What kustomize said.
        message: String,
    },
    /// A placeholder is left.
    #[error("{folder} still says {PLACEHOLDER}: `{line}`")]
    Placeholder {
        /// The overlay.
        folder: String,
        /// The line that does.
        line: String,
    },
    /// There is not one Deployment and one Service.
    #[error("{folder} has no {kind}")]
    Missing {
        /// The overlay.
        folder: String,
        /// What is missing.
        kind: &'static str,
    },
}

/// imagebuilder failed, and has said why.
#[derive(Debug, Error)]
#[error("imagebuilder did not build and push the image ({0})")]
pub(super) struct NotBuilt(pub(super) ExitStatus);

/// The names of what is deployed.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) namespace: String,
    pub(super) deployment: String,
    /// `Service`, or `Ingress` where there is one.
    pub(super) balancer_kind: &'static str,
    pub(super) balancer: String,
}

/// An overlay, rendered.
#[derive(Clone, Debug)]
pub(super) struct Manifests {
    pub(super) yaml: String,
    pub(super) target: Target,
}

impl Manifests {
    /// Renders an overlay.
    pub(super) fn render(folder: &Path) -> anyhow::Result<Self> {
        let name = folder.display().to_string();
        if !folder.join("kustomization.yaml").is_file() {
            bail!(ManifestError::NoOverlay {
                known: beside(folder),
                folder: name
            });
        }
        let output = Command::new("kubectl")
            .args(["kustomize", &name])
            .output()
            .map_err(KubectlError::Start)?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            bail!(ManifestError::Kustomize {
                folder: name,
                message
            });
        }
        let yaml = String::from_utf8(output.stdout).context("kustomize did not print UTF-8")?;
        Self::parse(&name, yaml)
    }

    fn parse(folder: &str, yaml: String) -> anyhow::Result<Self> {
        if let Some(line) = yaml.lines().find(|line| line.contains(PLACEHOLDER)) {
            let line = line.trim().to_owned();
            bail!(ManifestError::Placeholder {
                folder: folder.to_owned(),
                line
            });
        }
        let objects: Vec<Value> =
            serde_saphyr::from_multiple(&yaml).context("kustomize did not print YAML")?;
        let find = |kind: &'static str| {
            let found = objects.iter().find(|object| object["kind"] == kind);
            found.ok_or(ManifestError::Missing {
                folder: folder.to_owned(),
                kind,
            })
        };
        let name = |object: &Value| {
            object["metadata"]["name"]
                .as_str()
                .unwrap_or("?")
                .to_owned()
        };
        let deployment = find("Deployment")?;
        let (balancer_kind, balancer) = match find("Ingress") {
            Ok(ingress) => ("Ingress", ingress),
            Err(_) => ("Service", find("Service")?),
        };
        let target = Target {
            namespace: deployment["metadata"]["namespace"]
                .as_str()
                .unwrap_or("default")
                .to_owned(),
            deployment: name(deployment),
            balancer_kind,
            balancer: name(balancer),
        };
        Ok(Self { yaml, target })
    }

    /// The same with an image instead of `cargo://app`.
    pub(super) fn with_image(&self, image: &str) -> String {
        self.yaml.replace(UNRESOLVED, image)
    }

    /// The same with the image that imagebuilder builds and pushes.
    pub(super) fn resolve(&self, imagebuilder: &Path, args: &[String]) -> anyhow::Result<String> {
        let mut child = Command::new(imagebuilder)
            .args(["resolve", "-f", "-"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", imagebuilder.display()))?;
        let mut stdin = child.stdin.take().expect("asked for above");
        // It reads all of its input first. Where it ends early, its own message says why.
        let _ = std::io::Write::write_all(&mut stdin, self.yaml.as_bytes());
        drop(stdin);
        let output = child
            .wait_with_output()
            .context("cannot wait for imagebuilder")?;
        if !output.status.success() {
            bail!(NotBuilt(output.status));
        }
        String::from_utf8(output.stdout).context("imagebuilder did not print UTF-8")
    }
}

/// The names of the overlays in the same place as a missing one.
fn beside(folder: &Path) -> Vec<String> {
    let entries = folder.parent().map(std::fs::read_dir);
    let mut known: Vec<_> = entries
        .into_iter()
        .flatten()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join("kustomization.yaml").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    known.sort();
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYMENT: &str = "kind: Deployment\nmetadata: {name: a, namespace: ns}\n";

    #[test]
    fn a_placeholder_is_found_before_anything_is_built() {
        let yaml = format!("{DEPLOYMENT}---\nkind: Service\nmetadata: {{name: fs-REPLACE-ME}}\n");
        let error = Manifests::parse("k8s", yaml).unwrap_err();
        assert_eq!(
            error.to_string(),
            "k8s still says REPLACE-ME: `metadata: {name: fs-REPLACE-ME}`"
        );
    }

    #[test]
    fn an_ingress_carries_the_address_where_there_is_one() {
        let service = format!("{DEPLOYMENT}---\nkind: Service\nmetadata: {{name: s}}\n");
        let target = Manifests::parse("k8s", service.clone()).unwrap().target;
        assert_eq!(
            (target.balancer_kind, target.balancer.as_str()),
            ("Service", "s")
        );
        assert_eq!(
            (target.namespace.as_str(), target.deployment.as_str()),
            ("ns", "a")
        );
        let ingress = format!("{service}---\nkind: Ingress\nmetadata: {{name: i}}\n");
        let target = Manifests::parse("k8s", ingress).unwrap().target;
        assert_eq!(
            (target.balancer_kind, target.balancer.as_str()),
            ("Ingress", "i")
        );
        assert!(Manifests::parse("k8s", DEPLOYMENT.to_owned()).is_err());
    }

    #[test]
    fn the_overlays_there_are_are_told_where_one_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["local", "eks"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            std::fs::write(dir.path().join(name).join("kustomization.yaml"), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("empty")).unwrap();
        let error = Manifests::render(&dir.path().join("lokal")).unwrap_err();
        let Some(ManifestError::NoOverlay { known, .. }) = error.downcast_ref() else {
            panic!("{error:#}");
        };
        assert_eq!(*known, ["eks", "local"]);
    }
}
