//! Rewriting manifests: `cargo://PACKAGE` becomes the name of an image, and every other byte stays.

mod scan;
mod splice;

pub use scan::{Found, ResolveError, scan};
pub use splice::splice;
