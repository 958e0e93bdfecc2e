//! One load balancer, from its creation to its deletion.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use rustls::ServerConfig;
use serde_json::{Value, json};

use super::kind::Kind;
use super::model::Model;
use super::redirect::Redirect;
use super::times::Times;
use crate::lb::{Counters, Health, LoadBalancer};

/// Certificates, by ARN.
pub type Certificates = BTreeMap<String, Arc<ServerConfig>>;

/// A load balancer, its target group, and the binding of the two to a Service.
#[derive(Debug)]
pub(super) struct Balancer {
    pub(super) model: Model,
    pub(super) namespace: String,
    /// The name of the `TargetGroupBinding`.
    pub(super) binding: String,
    /// The condition of pods whose target is healthy.
    pub(super) condition: String,
    /// The name in the status.
    pub(super) host: String,
    pub(super) address: SocketAddr,
    /// The path of the Service or Ingress in the API.
    pub(super) owner: String,
    created: Instant,
    /// `None` until it is provisioned.
    running: Option<LoadBalancer>,
    /// While it is provisioned, its listener that redirects.
    redirect: Option<Redirect>,
    /// The targets, and the names of their pods.
    pub(super) targets: BTreeMap<SocketAddr, String>,
}

impl Balancer {
    /// A load balancer that is being provisioned. `number` is unique.
    pub(super) fn create(
        owner: &Value,
        path: String,
        model: Model,
        kind: Kind,
        number: u8,
    ) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let namespace = text(&owner["metadata"]["namespace"]);
        let short = |name: &str| {
            let letters = name.chars().filter(char::is_ascii_alphanumeric);
            letters.take(8).collect::<String>()
        };
        let uid = text(&owner["metadata"]["uid"]).replace('-', "");
        let binding = format!(
            "k8s-{}-{}-{}",
            short(&namespace),
            short(&text(&owner["metadata"]["name"])),
            uid.get(..10).unwrap_or(&uid)
        );
        Self {
            host: format!(
                "{binding}-{}.elb.eu-west-1.amazonaws.com",
                uid.get(16..).unwrap_or("0")
            ),
            condition: kind.condition(&binding),
            address: (Ipv4Addr::new(127, 78, 0, number), model.port).into(),
            owner: path,
            namespace,
            binding,
            model,
            created: Instant::now(),
            running: None,
            redirect: None,
            targets: BTreeMap::new(),
        }
    }

    /// Its `TargetGroupBinding`.
    pub(super) fn object(&self, kind: Kind) -> Value {
        json!({
            "apiVersion": format!("{}/{}", kind.group(), kind.version()),
            "kind": "TargetGroupBinding",
            "metadata": {"name": self.binding, "namespace": self.namespace},
            "spec": {
                "targetType": "ip",
                "serviceRef": {"name": self.model.service, "port": self.model.port_name},
                "targetGroupARN": format!(
                    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{}/0",
                    self.binding
                ),
            },
        })
    }

    /// Starts serving once the provisioning time has passed, and returns whether it just did.
    pub(super) fn provision(&mut self, times: Times, certificates: &Certificates) -> Result<bool> {
        if self.running.is_some() || self.created.elapsed() < times.provisioning() {
            return Ok(false);
        }
        let arn = self.model.certificate.as_ref();
        let tls = arn.and_then(|arn| certificates.get(arn)).cloned();
        let balancer = LoadBalancer::listen(self.address, tls, self.model.rules.clone())?;
        for target in self.targets.keys() {
            balancer.register(*target);
        }
        if self.model.redirects {
            self.redirect = Some(Redirect::listen(self.address)?);
        }
        self.running = Some(balancer);
        Ok(true)
    }

    /// Applies changed annotations. Unlike AWS, it closes existing connections.
    pub(super) fn change(&mut self, model: Model) {
        self.address.set_port(model.port);
        self.model = model;
        self.running = None;
        self.redirect = None;
    }

    /// Registers and deregisters targets.
    pub(super) fn set_targets(&mut self, targets: BTreeMap<SocketAddr, String>) {
        if let Some(balancer) = &self.running {
            for gone in self.targets.keys().filter(|old| !targets.contains_key(old)) {
                balancer.deregister(*gone);
            }
            for new in targets.keys().filter(|new| !self.targets.contains_key(new)) {
                balancer.register(*new);
            }
        }
        self.targets = targets;
    }

    /// The health of a target, as the controller writes it into the pod's condition.
    pub(super) fn health(&self, target: SocketAddr) -> (&'static str, &'static str, &'static str) {
        let health = self.running.as_ref().and_then(|lb| lb.health(target));
        match health {
            Some(Health::Healthy) => ("True", "", ""),
            Some(Health::Unhealthy) => {
                ("False", "Target.FailedHealthChecks", "Health checks failed")
            }
            Some(Health::Initial) | None => (
                "False",
                "Elb.RegistrationInProgress",
                "Target registration is in progress",
            ),
        }
    }

    /// What it did so far, once it is provisioned.
    pub(super) fn counters(&self) -> Option<Counters> {
        self.running.as_ref().map(LoadBalancer::counters)
    }
}
