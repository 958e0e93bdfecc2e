//! Every combination of components that the overlays offer, as a user gets it by commenting lines
//! in and out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ship::relative_path;

use super::render::repository;

/// The overlays that are deployed.
const OVERLAYS: [&str; 3] = ["local", "eks", "eks-auto"];

/// An overlay with some of the components that it offers.
#[derive(Clone, Debug)]
pub struct Combination {
    /// The overlay and its components, for messages.
    pub name: String,
    /// The components.
    pub components: BTreeSet<String>,
    /// A folder with its kustomization.
    pub folder: PathBuf,
}

/// Components that set nothing that another one sets. The bits of a combination's number select them,
/// so that each is tested with many others without multiplying the combinations.
const ORTHOGONAL: [&str; 4] = ["dual-stack", "gitops", "internal", "monitoring"];

/// Writes the allowed combinations into `scratch`: all of those components that may affect each other.
///
/// # Panics
/// When `scratch` cannot be written.
pub fn combinations(scratch: &Path) -> Vec<Combination> {
    let mut all = Vec::new();
    for overlay in OVERLAYS {
        let (orthogonal, offered): (Vec<_>, Vec<_>) = offered(overlay)
            .into_iter()
            .partition(|component| ORTHOGONAL.contains(&component.as_str()));
        let mut number = 0;
        let chosen = |from: &[String], bits: usize| -> BTreeSet<String> {
            let bit = |index: &usize| bits & (1 << index) != 0;
            let indices = (0..from.len()).filter(bit);
            indices.map(|index| from[index].clone()).collect()
        };
        for bits in 0..1 << offered.len() {
            let components = chosen(&offered, bits);
            if !offered.is_empty() && !allowed(&components) {
                continue;
            }
            // Without any, and with some of the others.
            let more = chosen(&orthogonal, number % (1 << orthogonal.len()));
            if !more.is_empty() {
                all.push(write(scratch, overlay, &components | &more));
            }
            all.push(write(scratch, overlay, components));
            number += 1;
        }
        // Too few combinations to select each of them: add one with all of them.
        if number < 1 << orthogonal.len() {
            all.push(write(scratch, overlay, chosen(&orthogonal, usize::MAX)));
        }
    }
    all
}

/// The components of an overlay's list, whether commented out or not.
fn offered(overlay: &str) -> Vec<String> {
    let text = kustomization(overlay);
    text.lines()
        .filter_map(component)
        .map(str::to_owned)
        .collect()
}

/// `nlb` of `  # - ../../components/nlb`.
fn component(line: &str) -> Option<&str> {
    let line = line.trim().trim_start_matches("# ");
    line.strip_prefix("- ../../components/")
}

/// The combinations that docs/eks.md allows: one load balancer, PROXY protocol with an NLB, one kind of
/// storage, and one kind of Spot nodes.
fn allowed(components: &BTreeSet<String>) -> bool {
    let has = |prefix: &str| components.iter().any(|name| name.starts_with(prefix));
    let nlb = has("nlb");
    nlb != has("alb-ingress")
        && (nlb || !has("proxy-protocol"))
        && !(has("storage-ebs") && has("storage-efs"))
        && !(components.contains("spot") && has("spot-"))
}

fn write(scratch: &Path, overlay: &str, components: BTreeSet<String>) -> Combination {
    let names: Vec<_> = components.iter().map(String::as_str).collect();
    let name = [&[overlay][..], &names].concat().join("+");
    let folder = scratch.join(&name);
    std::fs::create_dir_all(&folder).expect("the scratch folder can be written");
    // kustomize refuses absolute paths.
    let k8s = relative_path(&folder, &repository().join("k8s")).expect("both folders are there");
    let lines = kustomization(overlay);
    let lines = lines.lines().filter_map(|line| match component(line) {
        Some(found) if components.contains(found) => {
            Some(format!("  - {}/components/{found}", k8s.display()))
        }
        Some(_) => None,
        None => Some(line.replace("../..", &k8s.display().to_string())),
    });
    let text: Vec<_> = lines.collect();
    std::fs::write(folder.join("kustomization.yaml"), text.join("\n"))
        .expect("the folder was just created");
    Combination {
        name,
        components,
        folder,
    }
}

fn kustomization(overlay: &str) -> String {
    let file = repository().join(format!("k8s/overlays/{overlay}/kustomization.yaml"));
    std::fs::read_to_string(file).expect("the overlay is part of this repository")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(components: &[&str], expected: bool) {
        let components = components.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(allowed(&components), expected, "{components:?}");
    }

    #[test]
    fn a_combination_has_one_load_balancer_and_one_storage() {
        check(&["nlb"], true);
        check(&["nlb-auto", "tls", "storage-ebs-auto"], true);
        check(&["alb-ingress", "spot"], true);
        check(&[], false);
        check(&["nlb", "alb-ingress"], false);
        check(&["alb-ingress", "tls"], true);
        check(&["alb-ingress", "proxy-protocol"], false);
        check(&["nlb", "spot", "spot-karpenter"], false);
        check(&["nlb", "storage-ebs", "storage-efs"], false);
    }

    #[test]
    fn lines_name_components_whether_commented_out_or_not() {
        assert_eq!(component("  - ../../components/nlb"), Some("nlb"));
        assert_eq!(component("  # - ../../components/tls"), Some("tls"));
        assert_eq!(component("# Uncomment what you need."), None);
    }
}
