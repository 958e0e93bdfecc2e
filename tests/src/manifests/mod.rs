//! The Kubernetes manifests as data: rendered by kustomize, and checked against the schemas, the list
//! of annotations, and the API server's rules.

mod annotations;
mod combinations;
mod render;
mod rules;
mod schema;

pub use annotations::{Annotations, BadAnnotation};
pub use combinations::{Combination, combinations};
pub use render::{Rendered, kubectl, patched, path_with_kubectl, render, repository, variant};
pub use rules::violations;
pub use schema::{Schema, Violation};
