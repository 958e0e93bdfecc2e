//! The changes of one command line.

use clap::Args;
use serde_json::Value;

use super::rename::{Identity, rename};
use super::values::{Certificate, ClusterName, Host, Name, Namespace, Tags};
use super::{balancer, cluster, tags};
use crate::kubectl::text;
use crate::workload;

/// The changes to the overlay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Changes {
    /// The name of the deployment, the prefix of its objects' names. Several deployments can share a
    /// cluster or a namespace under different names.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Name>,
    /// Its namespace, instead of the overlay's.
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<Namespace>,
    /// Its host name: `ExternalDNS` creates the record, and the URL and the test use it.
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<Host>,
    /// The certificate for the host name, with which the load balancer terminates TLS.
    #[arg(long, value_name = "ARN")]
    pub(crate) certificate: Option<Certificate>,
    /// Tags of everything that AWS creates for it.
    #[arg(long, value_name = "KEY=VALUE,…")]
    pub(crate) tags: Option<Tags>,
    /// The name of the EKS cluster: for nodes that Karpenter launches into it and, with its region, for a
    /// check of its subnets.
    #[arg(long, value_name = "NAME")]
    pub(crate) cluster: Option<ClusterName>,
}

impl Changes {
    /// Whether a certificate is given that nothing in the manifests can use.
    pub(crate) fn needs_tls(&self, objects: &mut [Value]) -> bool {
        self.certificate.is_some() && !balancer::terminates_tls(objects)
    }

    /// Changes the objects, and returns whether there was anything to change.
    pub(crate) fn apply(&self, objects: &mut [Value]) -> bool {
        if let Some(host) = &self.host {
            balancer::set_host(objects, host);
        }
        if let Some(certificate) = &self.certificate {
            balancer::set_certificate(objects, certificate);
        }
        if let Some(tags) = &self.tags {
            tags::add(objects, tags);
        }
        self.rename(objects);
        let named = self.cluster.as_ref();
        let is_named = named.is_some_and(|name| cluster::set(objects, name));
        let others = Self {
            cluster: None,
            ..self.clone()
        };
        is_named || others != Self::default()
    }

    fn rename(&self, objects: &mut [Value]) {
        // Manifests without one are refused afterwards.
        let Some(deployment) = workload::deployment(objects) else {
            return;
        };
        let from = Identity {
            name: text(&deployment["metadata"]["name"]),
            namespace: text(&deployment["metadata"]["namespace"]),
        };
        let chosen = |choice: Option<&str>, overlay: &str| choice.unwrap_or(overlay).to_owned();
        let to = Identity {
            name: chosen(self.name.as_ref().map(AsRef::as_ref), &from.name),
            namespace: chosen(self.namespace.as_ref().map(AsRef::as_ref), &from.namespace),
        };
        rename(objects, &from, &to);
    }
}
