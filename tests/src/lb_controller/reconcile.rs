//! The controllers' reconcile loop: level-triggered, from lists. It creates load balancers, registers
//! targets, and writes conditions of pods.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};

use super::api::{Api, Merge};
use super::balancer::{Balancer, Certificates};
use super::endpoints;
use super::kind::Kind;
use super::model::{self, Model};
use super::refused::Refused;
use super::times::Times;
use super::webhook::{Binding, Bindings};

/// The state of a controller.
#[derive(Debug)]
pub(super) struct Reconciler {
    pub(super) api: Api,
    pub(super) kind: Kind,
    pub(super) times: Times,
    pub(super) certificates: Certificates,
    pub(super) bindings: Bindings,
    /// By UID of the Service or Ingress.
    pub(super) balancers: BTreeMap<String, Balancer>,
    /// Events that were reported.
    pub(super) events: BTreeSet<(String, String)>,
    pub(super) next_number: u8,
    pub(super) health_read: Option<Instant>,
}

/// The observed state of the cluster.
struct Cluster {
    services: Vec<Value>,
    slices: Vec<Value>,
    pods: Vec<Value>,
}

impl Reconciler {
    /// Reconciles once. `added` is called with each load balancer that has just been provisioned.
    pub(super) fn reconcile(
        &mut self,
        gates_frozen: bool,
        mut added: impl FnMut(&Balancer) -> Result<()>,
    ) -> Result<()> {
        let cluster = Cluster {
            services: self.api.list("/api/v1/services")?,
            slices: self.api.list("/apis/discovery.k8s.io/v1/endpointslices")?,
            pods: self.api.list("/api/v1/pods")?,
        };
        let mut wanted = BTreeSet::new();
        for (owner, path) in self.owners(&cluster)? {
            let model = if owner["kind"] == "Ingress" {
                model::alb(&owner, &cluster.services, self.times)
            } else {
                model::nlb(&owner, self.kind, self.times)
            };
            let uid = text(&owner["metadata"]["uid"]);
            wanted.insert(uid.clone());
            match model.and_then(|model| self.with_certificate(model)) {
                Ok(model) => self.ensure(uid, &owner, path, model)?,
                Err(refused) => self.report(&owner, &refused)?,
            }
        }
        let gone: Vec<_> = self
            .balancers
            .keys()
            .filter(|uid| !wanted.contains(*uid))
            .cloned()
            .collect();
        for uid in gone {
            self.remove(&uid, &cluster.pods)?;
        }
        for balancer in self.balancers.values_mut() {
            let model = &balancer.model;
            let service = (
                balancer.namespace.as_str(),
                model.service.as_str(),
                model.port_name.as_str(),
            );
            let targets = endpoints::targets(service, &cluster.slices, &cluster.pods);
            balancer.set_targets(targets);
            if balancer.provision(self.times, &self.certificates)? {
                added(balancer)?;
            }
        }
        let interval = self.times.health_interval();
        if !gates_frozen
            && self
                .health_read
                .is_none_or(|last| last.elapsed() >= interval)
        {
            self.health_read = Some(Instant::now());
            self.write_conditions(&cluster.pods)?;
        }
        Ok(())
    }

    /// The Services and Ingresses of this controller that are not being deleted.
    fn owners(&self, cluster: &Cluster) -> Result<Vec<(Value, String)>> {
        let class = self.kind.nlb_class();
        let services = cluster.services.iter().filter(|service| {
            let spec = &service["spec"];
            spec["type"] == "LoadBalancer" && spec["loadBalancerClass"] == class
        });
        let classes = self.api.list("/apis/networking.k8s.io/v1/ingressclasses")?;
        let is_ours = |ingress: &Value| {
            let name = &ingress["spec"]["ingressClassName"];
            let mut classes = classes.iter();
            classes.any(|class| {
                class["metadata"]["name"] == *name
                    && class["spec"]["controller"] == self.kind.alb_controller()
            })
        };
        let ingresses = self.api.list("/apis/networking.k8s.io/v1/ingresses")?;
        let ingresses = ingresses.iter().filter(|ingress| is_ours(ingress));
        let services = services.map(|service| (service, "Service", "/api/v1", "services"));
        let ingresses = ingresses.map(|ingress| {
            (
                ingress,
                "Ingress",
                "/apis/networking.k8s.io/v1",
                "ingresses",
            )
        });
        Ok(services
            .chain(ingresses)
            .filter(|(object, ..)| object["metadata"]["deletionTimestamp"].is_null())
            .map(|(object, kind, group, plural)| {
                let metadata = &object["metadata"];
                let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
                let mut object = object.clone();
                // The items of a list do not have their kind.
                object["kind"] = json!(kind);
                (
                    object,
                    format!("{group}/namespaces/{namespace}/{plural}/{name}"),
                )
            })
            .collect())
    }

    fn with_certificate(&self, model: Model) -> Result<Model, Refused> {
        match &model.certificate {
            Some(arn) if !self.certificates.contains_key(arn) => Err(Refused::deploy(&format!(
                "CertificateNotFound: Certificate ARN '{arn}' is not valid"
            ))),
            _ => Ok(model),
        }
    }

    /// Creates the load balancer, or changes it. The name is in the status at once, though it takes
    /// minutes until it can be connected to.
    fn ensure(&mut self, uid: String, owner: &Value, path: String, model: Model) -> Result<()> {
        if let Some(balancer) = self.balancers.get_mut(&uid) {
            if balancer.model != model {
                balancer.change(model);
            }
            return Ok(());
        }
        let finalizers = json!({"metadata": {"finalizers": [self.kind.finalizer()]}});
        self.api.patch(&path, Merge::Json, &finalizers)?;
        self.next_number += 1;
        let balancer = Balancer::create(owner, path, model, self.kind, self.next_number);
        let group = self.binding_path(&balancer.namespace);
        self.api.create(&group, &balancer.object(self.kind))?;
        let service = format!(
            "/api/v1/namespaces/{}/services/{}",
            balancer.namespace, balancer.model.service
        );
        self.bindings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Binding {
                namespace: balancer.namespace.clone(),
                selector: self.api.get(&service)?["spec"]["selector"].clone(),
                condition: balancer.condition.clone(),
            });
        let ingress = json!([{"hostname": balancer.host}]);
        let status = json!({"status": {"loadBalancer": {"ingress": ingress}}});
        self.api
            .patch(&format!("{}/status", balancer.owner), Merge::Json, &status)?;
        self.balancers.insert(uid, balancer);
        Ok(())
    }

    /// Deletes a load balancer, then the finalizer of its Service or Ingress.
    pub(super) fn remove(&mut self, uid: &str, pods: &[Value]) -> Result<()> {
        let Some(balancer) = self.balancers.remove(uid) else {
            return Ok(());
        };
        let group = self.binding_path(&balancer.namespace);
        self.api.delete(&format!("{group}/{}", balancer.binding))?;
        self.bindings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|binding| binding.condition != balancer.condition);
        // These conditions are not updated any more; left false, the pods would never be ready again.
        for pod in pods
            .iter()
            .filter(|pod| endpoints::has_gate(pod, &balancer.condition))
        {
            self.write_condition(pod, &balancer.condition, ("True", "", ""))?;
        }
        let without = json!({"metadata": {"finalizers": null}});
        self.api.patch(&balancer.owner, Merge::Json, &without)
    }

    fn binding_path(&self, namespace: &str) -> String {
        let (group, version) = (self.kind.group(), self.kind.version());
        format!("/apis/{group}/{version}/namespaces/{namespace}/targetgroupbindings")
    }

    fn write_conditions(&self, pods: &[Value]) -> Result<()> {
        for balancer in self.balancers.values() {
            for (target, name) in &balancer.targets {
                if let Some(pod) = endpoints::find(pods, &balancer.namespace, name)
                    && endpoints::has_gate(pod, &balancer.condition)
                {
                    self.write_condition(pod, &balancer.condition, balancer.health(*target))?;
                }
            }
        }
        Ok(())
    }

    fn write_condition(
        &self,
        pod: &Value,
        condition: &str,
        (status, reason, message): (&str, &str, &str),
    ) -> Result<()> {
        let known = endpoints::condition(pod, condition);
        if known.is_some_and(|known| known["status"] == status && text(&known["reason"]) == reason)
        {
            return Ok(());
        }
        let metadata = &pod["metadata"];
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}/status",
            text(&metadata["namespace"]),
            text(&metadata["name"])
        );
        let condition = json!({
            "type": condition, "status": status, "reason": reason, "message": message,
        });
        let change = json!({"status": {"conditions": [condition]}});
        self.api.patch(&path, Merge::Strategic, &change)
    }

    /// Creates an event, once for each message.
    fn report(&mut self, owner: &Value, refused: &Refused) -> Result<()> {
        let metadata = &owner["metadata"];
        let uid = text(&metadata["uid"]);
        if !self.events.insert((uid, refused.message.clone())) {
            return Ok(());
        }
        let namespace = text(&metadata["namespace"]);
        let event = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": "load-balancer-", "namespace": namespace},
            "involvedObject": {
                "kind": owner["kind"], "namespace": namespace, "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "type": "Warning",
            "reason": refused.reason,
            "message": refused.message,
            "source": {"component": "service"},
        });
        self.api
            .create(&format!("/api/v1/namespaces/{namespace}/events"), &event)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
