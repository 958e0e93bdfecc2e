//! `ship deploy` and `ship undeploy`, as the make targets run them.

use std::path::Path;
use std::process::Command;

use super::image::image;
use super::objects::NAMESPACE;
use super::{Cluster, Deployed, local};
use crate::manifests::repository;
use crate::program;

impl Cluster {
    /// Runs `ship deploy` from the sources, as `make deploy` does.
    pub fn build_and_deploy(&self, overlay: &Path, args: &[&str]) -> Deployed {
        Deployed::of(self.ship("deploy", overlay).args(&self.source).args(args))
    }

    /// Runs `ship deploy` with the image that was built from the sources, once for all tests.
    pub fn deploy(&self, overlay: &Path, args: &[&str]) -> Deployed {
        self.deploy_image(overlay, image(), args)
    }

    /// Runs `ship deploy` with another image.
    pub fn deploy_image(&self, overlay: &Path, image: &str, args: &[&str]) -> Deployed {
        Deployed::of(
            self.ship("deploy", overlay)
                .args(["--image", image])
                .args(args),
        )
    }

    /// Removes the service if it is deployed.
    ///
    /// # Panics
    /// When that fails.
    pub fn undeploy(&self) {
        self.undeploy_overlay(&local());
    }

    /// Removes what was deployed with an overlay.
    ///
    /// # Panics
    /// When that fails.
    pub fn undeploy_overlay(&self, overlay: &Path) {
        self.kill_draining(NAMESPACE);
        Deployed::of(self.ship("undeploy", overlay).arg("--delete-data")).succeeded();
    }

    fn ship(&self, command: &str, overlay: &Path) -> Command {
        let mut ship = self.command(&program("ship"));
        ship.current_dir(repository());
        ship.args([command, "--context", self.kubectl.context(), "--overlay"])
            .arg(overlay);
        ship
    }
}
