//! The state of a cluster that the preflight checks need.

use std::collections::BTreeSet;

use serde_json::Value;

use super::classes::Classes;
use crate::controller::controller_is_available;
use crate::custom::{self, Kind};
use crate::kubectl::{Kubectl, KubectlError, items, readable, text};
use crate::manifests::Manifests;

/// The input of [`problems`](super::requirements::problems). `None` means that the user may not read it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Such as `v1.36.2-eks-1234567`.
    pub(crate) server_version: String,
    /// The served API groups.
    pub(crate) groups: BTreeSet<String>,
    /// The served kinds among the manifests' custom resources.
    pub(crate) kinds: BTreeSet<Kind>,
    /// The mutating webhooks.
    pub(crate) webhooks: Option<Vec<Webhook>>,
    /// Whether a pod of the AWS Load Balancer Controller is available.
    pub(crate) controller_available: Option<bool>,
    /// The classes of the kinds that the manifests refer to.
    pub(crate) classes: Classes,
    /// The phase of the namespace, if it exists.
    pub(crate) namespace_phase: Option<String>,
    /// Whether the user may change Deployments in the namespace.
    pub(crate) may_deploy: Option<bool>,
}

/// A mutating webhook.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    pub(crate) name: String,
    /// Whether its `failurePolicy` is `Ignore`: objects are created without it when it does not answer.
    pub(crate) ignores_failures: bool,
}

impl Facts {
    /// Queries the API server for what manifests need.
    pub(super) fn gather(kubectl: &Kubectl, manifests: &Manifests) -> Result<Self, KubectlError> {
        let namespace = &manifests.target.namespace;
        let version = kubectl.json(&["version"])?;
        let server_version = text(&version["serverVersion"]["gitVersion"]);
        let apis = kubectl.raw("/apis")?;
        let custom = custom::kinds(&manifests.objects).into_keys().collect();
        let kinds = custom::served(kubectl, &apis, &custom)?;
        let groups = items(&apis["groups"]).map(|group| text(&group["name"]));
        let controller_available = controller_is_available(kubectl)?;
        let webhooks = readable(kubectl.json(&["get", "mutatingwebhookconfigurations"]))?;
        let phase = readable(kubectl.find(&["get", "namespace", namespace]))?;
        let may_deploy = kubectl.run(&[
            "auth",
            "can-i",
            "patch",
            "deployments.apps",
            "-n",
            namespace,
        ]);
        Ok(Self {
            server_version,
            groups: groups.collect(),
            kinds,
            webhooks: webhooks.as_ref().map(webhooks_of),
            controller_available,
            classes: Classes::gather(kubectl, namespace, &manifests.objects)?,
            namespace_phase: phase
                .and_then(|namespace| namespace["status"]["phase"].as_str().map(str::to_owned)),
            may_deploy: match may_deploy {
                Ok(_) => Some(true),
                // kubectl prints `no` and exits with 1, with nothing on stderr.
                Err(KubectlError::Failed { message, .. }) if message.is_empty() => Some(false),
                Err(_) => None,
            },
        })
    }
}

/// `None` if the user may not read it: a deployer does not need all of these permissions.
fn webhooks_of(list: &Value) -> Vec<Webhook> {
    items(&list["items"])
        .flat_map(|configuration| items(&configuration["webhooks"]))
        .map(|webhook| Webhook {
            name: text(&webhook["name"]),
            ignores_failures: webhook["failurePolicy"] == "Ignore",
        })
        .collect()
}
