//! The Kubernetes manifests as data: rendered by kustomize, and held to the schemas and to the
//! list of annotations beside them.

mod annotations;
mod render;
mod schema;

pub use annotations::{Annotations, BadAnnotation};
pub(crate) use render::repository;
pub use render::{Rendered, kubectl, overlay_with, render, variant};
pub use schema::{Schema, Violation};
