//! The image of the service, and other versions of it.

use std::process::Command;
use std::sync::OnceLock;

use super::Cluster;
use super::deployed::Deployed;
use super::environment::{registry, variable};
use crate::manifests::repository;
use crate::program;

/// The reference of the image that the environment names, or else of the service's: built and pushed once, not
/// deployed.
pub(super) fn image() -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| variable("E2E_IMAGE").unwrap_or_else(|| build(&[])))
}

fn build(args: &[&str]) -> String {
    let mut imagebuilder = Command::new(program("imagebuilder"));
    imagebuilder
        .args(["build", "app"])
        .args(registry())
        .args(args)
        .current_dir(repository());
    let (image, _) = Deployed::of(&mut imagebuilder).succeeded();
    image.trim_end().to_owned()
}

impl Cluster {
    /// Builds and pushes a version of the service: the same program, with a different digest for each
    /// creation time, in seconds since 1970.
    pub fn version(&self, created: &str) -> String {
        build(&["--source-date-epoch", created])
    }
}
