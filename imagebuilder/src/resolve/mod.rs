//! Rewrites manifests: `cargo://PACKAGE` becomes the name of an image, and every other byte is preserved.

mod scan;
mod splice;

pub use scan::{Found, ResolveError, scan};
pub use splice::splice;
