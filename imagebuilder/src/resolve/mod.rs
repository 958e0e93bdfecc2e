//! Rewrites manifests: `cargo://PACKAGE` (`scan`) becomes the name of an image (`splice`), and every other byte is
//! preserved.

mod scan;
mod splice;
mod stream;

pub use scan::{Found, ResolveError, scan};
pub use splice::splice;
pub use stream::stream;
