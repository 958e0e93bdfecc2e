//! A deployed service, for the commands that test it.

use crate::args::Cluster;
use crate::endpoint::Endpoint;
use crate::error::ShipError;
use crate::kubectl::Kubectl;
use crate::manifests::{Manifests, Target};
use crate::snapshot::Snapshot;

/// A service that has an address.
pub(super) struct Running {
    pub(super) kubectl: Kubectl,
    pub(super) target: Target,
    pub(super) snapshot: Snapshot,
    pub(super) endpoint: Endpoint,
}

impl Running {
    /// The service of an overlay on a cluster.
    pub(super) fn find(args: &Cluster) -> Result<Self, ShipError> {
        let kubectl = args.context.kubectl()?;
        let target = Manifests::render(&args.overlay)?.target;
        let snapshot = Snapshot::take(&kubectl, &target)?;
        let Some(endpoint) = snapshot.endpoint() else {
            return Err(ShipError::NotDeployed {
                context: kubectl.context().to_owned(),
            });
        };
        Ok(Self {
            kubectl,
            target,
            snapshot,
            endpoint,
        })
    }
}
