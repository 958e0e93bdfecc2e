//! What is deployed already, for the commands that look at it.

use anyhow::bail;

use crate::args::Cluster;
use crate::kubectl::Kubectl;
use crate::manifests::{Manifests, Target};
use crate::snapshot::Snapshot;

/// A service that has an address.
pub(super) struct Running {
    pub(super) kubectl: Kubectl,
    pub(super) target: Target,
    pub(super) snapshot: Snapshot,
    pub(super) url: String,
}

impl Running {
    /// The service of an overlay on a cluster.
    pub(super) fn find(args: &Cluster) -> anyhow::Result<Self> {
        let kubectl = Kubectl::on(args.context.as_deref())?;
        let target = Manifests::render(&args.overlay)?.target;
        let snapshot = Snapshot::take(&kubectl, &target)?;
        let Some(url) = snapshot.url() else {
            bail!(
                "nothing is deployed on {}, or it has no address yet",
                kubectl.context()
            );
        };
        Ok(Self {
            kubectl,
            target,
            snapshot,
            url,
        })
    }
}
