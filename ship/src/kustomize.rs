//! Runs `kubectl kustomize`: on an overlay, on an overlay with more components, and on changed objects, to
//! print them.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use cli::{Exit, ExitError};
use serde_json::{Value, json};
use thiserror::Error;

use crate::kubectl::KubectlError;

/// The prefix of a component in an overlay's list, whether commented out or not.
const COMPONENTS: &str = "../../components/";
/// Components that replace each other.
const LOAD_BALANCERS: [&str; 2] = ["nlb", "alb-ingress"];

/// Prefixes of components that are alternatives.
const ALTERNATIVES: [&str; 2] = ["spot", "storage"];

/// Why an overlay was not rendered.
#[derive(Debug, Error)]
pub(crate) enum KustomizeError {
    /// There is no such overlay.
    #[error("there is no kustomization in {folder}")]
    NoOverlay {
        folder: String,
        /// The existing overlays.
        known: Vec<String>,
    },
    /// The overlay does not offer the component.
    #[error("{folder} offers no component `{component}`")]
    NoComponent {
        folder: String,
        component: String,
        /// The components that it offers.
        offered: Vec<String>,
    },
    /// Another load balancer than the overlay has.
    #[error("the component `{component}` replaces the load balancer of {folder}")]
    Replaces { folder: String, component: String },
    /// Two components that are alternatives.
    #[error("the components `{one}` and `{other}` exclude each other")]
    Excludes { one: String, other: String },
    /// kubectl could not be started.
    #[error(transparent)]
    Kubectl(#[from] KubectlError),
    /// The temporary folder for a kustomization cannot be written.
    #[error("cannot write a temporary folder")]
    Scratch(#[source] std::io::Error),
    /// kustomize failed.
    #[error("cannot render {folder}: {message}")]
    Failed { folder: String, message: String },
}

impl ExitError for KustomizeError {
    fn exit(&self) -> Exit {
        match self {
            Self::Kubectl(error) => error.exit(),
            Self::Scratch(_) => Exit::Failed,
            Self::NoOverlay { .. }
            | Self::NoComponent { .. }
            | Self::Replaces { .. }
            | Self::Excludes { .. }
            | Self::Failed { .. } => Exit::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Kubectl(error) => error.hint(),
            Self::NoOverlay { known, .. } => {
                (!known.is_empty()).then(|| format!("OVERLAY= is one of: {}", known.join(", ")))
            }
            Self::NoComponent { offered, .. } => Some(if offered.is_empty() {
                "it offers none".to_owned()
            } else {
                format!("COMPONENTS= can have: {}", offered.join(", "))
            }),
            Self::Replaces { folder, .. } => Some(format!(
                "comment one out and the other in, in {folder}/kustomization.yaml"
            )),
            Self::Excludes { .. } => {
                Some("leave one of them out of COMPONENTS= or of the overlay".to_owned())
            }
            Self::Scratch(_) | Self::Failed { .. } => None,
        }
    }
}

/// An overlay, and the components that it offers.
#[derive(Clone, Debug)]
pub(crate) struct Overlay {
    folder: PathBuf,
    /// Each with whether it is in use, not commented out.
    components: Vec<(String, bool)>,
}

impl Overlay {
    /// Reads the overlay's list of components.
    pub(crate) fn read(folder: &Path) -> Result<Self, KustomizeError> {
        let text = std::fs::read_to_string(folder.join("kustomization.yaml"));
        let text = text.map_err(|_| KustomizeError::NoOverlay {
            known: beside(folder),
            folder: folder.display().to_string(),
        })?;
        let components = text.lines().filter_map(|line| {
            let used = !line.trim_start().starts_with('#');
            let item = line.trim().trim_start_matches("# ").strip_prefix("- ")?;
            let name = item.strip_prefix(COMPONENTS)?;
            Some((name.trim().to_owned(), used))
        });
        Ok(Self {
            folder: folder.to_owned(),
            components: components.collect(),
        })
    }

    fn name(&self) -> String {
        self.folder.display().to_string()
    }

    /// Renders it with more components; those already in use are ignored.
    pub(crate) fn render(&self, components: &[String]) -> Result<String, KustomizeError> {
        let mut added = BTreeSet::new();
        for component in components {
            match self.components.iter().find(|(name, _)| name == component) {
                Some((_, true)) => {}
                Some((name, false)) if is_load_balancer(name) => {
                    return Err(KustomizeError::Replaces {
                        folder: self.name(),
                        component: component.clone(),
                    });
                }
                Some((name, false)) => {
                    added.insert(name);
                }
                None => {
                    return Err(KustomizeError::NoComponent {
                        folder: self.name(),
                        component: component.clone(),
                        offered: self.offered(),
                    });
                }
            }
        }
        self.check_alternatives(&added)?;
        if added.is_empty() {
            return run(&self.folder, &self.name());
        }
        let scratch = tempfile::tempdir().map_err(KustomizeError::Scratch)?;
        // kustomize refuses absolute paths.
        let overlay =
            relative_path(scratch.path(), &self.folder).map_err(KustomizeError::Scratch)?;
        // In the overlay's order, in which a component follows those that it builds on.
        let listed = self.components.iter().map(|(name, _)| name);
        let paths: Vec<_> = listed
            .filter(|name| added.contains(name))
            .map(|name| overlay.join(COMPONENTS).join(name))
            .collect();
        let kustomization = json!({
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [overlay],
            "components": paths,
        });
        std::fs::write(
            scratch.path().join("kustomization.yaml"),
            kustomization.to_string(),
        )
        .map_err(KustomizeError::Scratch)?;
        run(scratch.path(), &self.name())
    }

    /// Refuses two alternatives, whether from the overlay or the command line.
    fn check_alternatives(&self, added: &BTreeSet<&String>) -> Result<(), KustomizeError> {
        let in_use = self.components.iter();
        let in_use = in_use.filter(|(name, used)| *used || added.contains(name));
        let in_use: Vec<_> = in_use.map(|(name, _)| name).collect();
        for kind in ALTERNATIVES {
            let is_kind = |name: &&&String| name.split('-').next() == Some(kind);
            let mut of_kind = in_use.iter().filter(is_kind);
            if let (Some(one), Some(other)) = (of_kind.next(), of_kind.next()) {
                return Err(KustomizeError::Excludes {
                    one: (*one).clone(),
                    other: (*other).clone(),
                });
            }
        }
        Ok(())
    }

    /// The components that can be added.
    fn offered(&self) -> Vec<String> {
        let unused = self.components.iter().filter(|(_, used)| !used);
        let names = unused.map(|(name, _)| name.clone());
        names.filter(|name| !is_load_balancer(name)).collect()
    }
}

fn is_load_balancer(component: &str) -> bool {
    LOAD_BALANCERS.iter().any(|kind| {
        let rest = component.strip_prefix(kind);
        rest.is_some_and(|rest| rest.is_empty() || rest == "-auto")
    })
}

/// Objects as YAML.
pub(crate) fn print(objects: &[Value]) -> Result<String, KustomizeError> {
    let scratch = tempfile::tempdir().map_err(KustomizeError::Scratch)?;
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let kustomization = "resources: [objects.json]\n";
    std::fs::write(scratch.path().join("objects.json"), list.to_string())
        .and_then(|()| std::fs::write(scratch.path().join("kustomization.yaml"), kustomization))
        .map_err(KustomizeError::Scratch)?;
    run(scratch.path(), "the changed manifests")
}

fn run(folder: &Path, name: &str) -> Result<String, KustomizeError> {
    let output = Command::new("kubectl")
        .arg("kustomize")
        .arg(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(KubectlError::Start)?;
    if !output.status.success() {
        return Err(KustomizeError::Failed {
            folder: name.to_owned(),
            message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The relative path from one folder to another, for a kustomization: kustomize refuses absolute paths.
///
/// # Errors
/// When one of them does not exist.
pub fn relative_path(from: &Path, to: &Path) -> std::io::Result<PathBuf> {
    let (from, to) = (from.canonicalize()?, to.canonicalize()?);
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    Ok(up.chain(to.components().skip(shared)).collect())
}

/// The overlays beside a missing one; those in the folder itself if no overlay is named.
fn beside(folder: &Path) -> Vec<String> {
    let names_none = folder.as_os_str().as_encoded_bytes().ends_with(b"/");
    let beside = if names_none {
        Some(folder)
    } else {
        folder.parent()
    };
    let entries = beside.map(std::fs::read_dir);
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

    fn overlay(text: &str) -> (tempfile::TempDir, Overlay) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("kustomization.yaml"), text).unwrap();
        let overlay = Overlay::read(dir.path()).unwrap();
        (dir, overlay)
    }

    #[test]
    fn an_overlay_offers_the_components_that_it_lists() {
        let text = "# alb-ingress replaces nlb.\ncomponents:\n  - ../../components/nlb\n  \
                    # - ../../components/tls\n  # - ../../components/alb-ingress\n";
        let (_dir, overlay) = overlay(text);
        assert_eq!(overlay.offered(), ["tls"]);
        let error = |component: &str| overlay.render(&[component.to_owned()]).unwrap_err();
        let unknown = error("spot-auto");
        assert!(matches!(unknown, KustomizeError::NoComponent { .. }));
        assert_eq!(unknown.hint().unwrap(), "COMPONENTS= can have: tls");
        assert!(matches!(
            error("alb-ingress"),
            KustomizeError::Replaces { .. }
        ));
        assert!(!is_load_balancer("alb-ingress-tls"));
    }

    #[test]
    fn alternative_components_exclude_each_other() {
        let text = "  - ../../components/storage-ebs\n  # - ../../components/storage-efs\n  \
                    # - ../../components/spot\n  # - ../../components/spot-karpenter\n";
        let (_dir, overlay) = overlay(text);
        for added in [&["storage-efs"][..], &["spot-karpenter", "spot"]] {
            let added: Vec<_> = added.iter().map(|&name| name.to_owned()).collect();
            let error = overlay.render(&added).unwrap_err();
            assert!(matches!(error, KustomizeError::Excludes { .. }), "{error}");
        }
    }

    #[test]
    fn a_missing_overlay_is_reported_with_the_existing_ones() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["local", "eks"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            std::fs::write(dir.path().join(name).join("kustomization.yaml"), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("empty")).unwrap();
        for missing in ["lokal", ""] {
            let error = Overlay::read(&dir.path().join(missing)).unwrap_err();
            assert_eq!(
                error.hint().as_deref(),
                Some("OVERLAY= is one of: eks, local"),
                "{missing}"
            );
        }
    }
}
