//! The plan of `up`: everything that can be determined before anything is changed.

use std::collections::BTreeSet;

use cli::Printer;
use oci::layout::{Layout, LayoutError};
use oci::{Descriptor, Reference};

use super::published::{Published, published};
use crate::args::UpArgs;
use crate::commands::error::{CommandError, Result, UsageError};
use crate::containerd::Containerd;
use crate::images::{candidates, find_name};
use crate::manifest::{self, ContainerSpec, Desired, DesiredDeployment};
use crate::network::{self, Subnet, SubnetChoice};

/// The desired state, the published ports, and the source of the images.
pub(super) struct UpPlan {
    pub(super) desired: Desired,
    pub(super) published: Vec<Published>,
    pub(super) layout: Option<Layout>,
    pub(super) subnet: SubnetChoice,
}

/// What the pods can reach, which a network policy would restrict.
const REACH: &str = "pods reach each other, this machine, and nothing else";

impl UpPlan {
    /// Reads and checks the manifests and the settings.
    pub(super) fn read(printer: Printer, args: &UpArgs) -> Result<Self> {
        let inputs = cli::input::read(&args.files, false)?;
        let objects = manifest::parse(&inputs)?;
        let (desired, warnings) = manifest::check(&objects)?;
        let policies = &objects.network_policies;
        if !policies.is_empty() && !args.ignore_network_policies {
            let message = format!("{} cannot be enforced here: {REACH}", policies.join(", "));
            let hint = "leave it out, or accept that with --ignore-network-policies";
            return Err(UsageError::new(message, Some(hint)).into());
        }
        for policy in policies {
            printer.warn(&format!("{policy} is not enforced: {REACH}"));
        }
        for warning in objects.warnings.iter().chain(&warnings) {
            printer.warn(&warning.0);
        }
        let layout = args.images.as_ref();
        Ok(Self {
            published: published(&desired, &args.publish)?,
            layout: layout.map(|layout| Layout::open(&layout.0)).transpose()?,
            subnet: args
                .pod_cidr
                .map_or(SubnetChoice::Free, SubnetChoice::Fixed),
            desired,
        })
    }

    /// Checks that the subnet has addresses for all pods, and for those that an update adds.
    pub(super) fn check_fits(&self, subnet: Subnet) -> std::result::Result<(), network::Error> {
        let sum = |count: fn(&DesiredDeployment) -> u32| {
            let counts = self.desired.deployments.iter().map(count);
            counts.fold(0, u32::saturating_add)
        };
        let (pods, surge) = (sum(|one| one.replicas), sum(|one| one.max_surge));
        if pods.saturating_add(surge) > subnet.pods() {
            return Err(network::Error::TooSmall {
                subnet,
                pods,
                surge,
            });
        }
        Ok(())
    }

    /// Every container with its Deployment.
    pub(super) fn containers(&self) -> impl Iterator<Item = (&DesiredDeployment, &ContainerSpec)> {
        self.desired.deployments.iter().flat_map(|deployment| {
            let containers = deployment.template.spec.containers.iter();
            containers.map(move |container| (deployment, container))
        })
    }

    /// The images that containerd lacks; each is in the layout, for this machine's platform.
    pub(super) async fn missing_images(&self, client: &Containerd) -> Result<BTreeSet<String>> {
        let mut missing = BTreeSet::new();
        for (deployment, container) in self.containers() {
            let name = &container.image;
            if find_name(client, name).await?.is_some() {
                continue;
            }
            let Some(layout) = &self.layout else {
                let message = format!(
                    "{}: Deployment `{}`: container `{}`: image `{name}` is not in containerd",
                    deployment.origin, deployment.name, container.name
                );
                let hint = "name a layout that has it with --images oci:DIR";
                return Err(UsageError::new(message, Some(hint)).into());
            };
            let reference: Reference = name.parse()?;
            find_in(layout, &reference)
                .and_then(|image| layout.select(&image, &oci::Platform::host()))
                .map_err(|source| CommandError::ContainerImage {
                    origin: deployment.origin.clone(),
                    deployment: deployment.name.clone(),
                    container: container.name.to_string(),
                    source: Box::new(source),
                })?;
            missing.insert(name.clone());
        }
        Ok(missing)
    }
}

/// The image of a layout, by its name as written or in its normalized form.
pub(super) fn find_in(
    layout: &Layout,
    reference: &Reference,
) -> std::result::Result<Descriptor, LayoutError> {
    let as_written = layout.find(reference);
    if as_written.is_ok() {
        return as_written;
    }
    let full = candidates(reference)
        .iter()
        .filter_map(|name| name.parse().ok())
        .find_map(|reference| layout.find(&reference).ok());
    full.map_or(as_written, Ok)
}
