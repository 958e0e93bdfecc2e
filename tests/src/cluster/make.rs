//! The make targets and `imagebuilder apply`, as a user types them.

use std::path::Path;
use std::process::Stdio;

use super::environment::registry;
use super::{Cluster, Deployed};
use crate::manifests::repository;
use crate::program;

impl Cluster {
    /// Runs `make TARGET` on this cluster with the overlay `local` and further settings. The registry is
    /// in the environment.
    pub fn make(&self, target: &str, settings: &[&str]) -> Deployed {
        let mut make = self.command(Path::new("make"));
        make.arg(target)
            .arg(format!("CONTEXT={}", self.kubectl.context()))
            .arg("OVERLAY=local")
            .args(settings)
            .current_dir(repository())
            .stdin(Stdio::null());
        // Not the variables of the make that runs the tests.
        for variable in ["MAKEFLAGS", "MAKELEVEL", "MFLAGS"] {
            make.env_remove(variable);
        }
        Deployed::of(&mut make)
    }

    /// Runs `imagebuilder apply` with a manifest or a folder of them, and further arguments of kubectl.
    pub fn apply(&self, manifests: &Path, kubectl: &[&str]) -> Deployed {
        let mut apply = self.command(&program("imagebuilder"));
        apply
            .args(["apply", "--recursive", "--filename"])
            .arg(manifests)
            .args(registry())
            .args(["--", "--context", self.kubectl.context()])
            .args(kubectl)
            .current_dir(repository())
            .stdin(Stdio::null());
        Deployed::of(&mut apply)
    }
}
