//! The Kubernetes manifests as data: rendered by kustomize, and held to the schemas and to the
//! list of annotations beside them.

mod annotations;
mod render;
mod schema;

pub use annotations::{Annotations, BadAnnotation};
pub use render::{Rendered, kubectl, overlay_with, render};
pub use schema::{Schema, Violation};
