//! What the command line says of every image of a run.

use oci::Platform;

/// How images are built.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The platforms to build for; the host's where empty.
    pub(crate) platforms: Vec<Platform>,
    /// The time of everything in the image, in seconds since 1970.
    pub(crate) created: u64,
    /// The source's revision.
    pub(crate) revision: Option<String>,
    /// Cargo shows its diagnostics only.
    pub(crate) quiet: bool,
}
