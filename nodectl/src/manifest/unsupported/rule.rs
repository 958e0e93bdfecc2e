//! Finds the rule for a field.

use super::tables::{CONTAINER, DEPLOYMENT, Entry, METADATA, POD, POD_LISTS, Rule, SERVICE};

/// Metadata that has no effect in a pod template.
const POD_METADATA: [&str; 2] = ["name", "namespace"];

const TEMPLATE: &str = "spec.template.";
const POD_SPEC: &str = "spec.template.spec.";
const CONTAINERS: &str = "spec.template.spec.containers[].";

/// The rule for a field of a kind, or `None` if Kubernetes does not know the field. `path` has `[]`
/// for every index.
pub(super) fn rule(kind: &str, path: &str) -> Option<Rule> {
    let find = |table: &[Entry], path: &str| {
        table
            .iter()
            .find(|(known, _)| *known == path)
            .map(|(_, rule)| *rule)
    };
    let common = || find(&METADATA, path);
    match kind {
        "Service" => common().or_else(|| find(&SERVICE, path)),
        "Deployment" => common()
            .or_else(|| find(&DEPLOYMENT, path))
            .or_else(|| find(&CONTAINER, path.strip_prefix(CONTAINERS)?))
            .or_else(|| find(&POD, path.strip_prefix(POD_SPEC)?))
            .or_else(|| find(&POD_LISTS, path.strip_prefix(POD_SPEC)?))
            .or_else(|| {
                let field = path.strip_prefix(TEMPLATE)?;
                let name = field.strip_prefix("metadata.")?;
                if POD_METADATA.contains(&name) {
                    return Some(Rule::Silent);
                }
                find(&METADATA, field)
            }),
        _ => None,
    }
}
