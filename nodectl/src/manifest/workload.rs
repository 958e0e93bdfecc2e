//! Deployments and Services, as in manifests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::{AnnotationKey, DnsLabel, DnsSubdomain, LabelKey, LabelValue, Labels};
use super::{IntOrString, PodTemplate, Protocol};

/// The name, labels and annotations of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata<N> {
    /// Its name.
    pub name: N,
    /// Its namespace.
    #[serde(default)]
    pub namespace: Option<DnsLabel>,
    /// Its labels, which selectors match.
    #[serde(default)]
    pub labels: Labels,
    /// Arbitrary metadata.
    #[serde(default)]
    pub annotations: BTreeMap<AnnotationKey, String>,
}

/// The namespace of an object without one.
const DEFAULT_NAMESPACE: &str = "default";

impl<N> Metadata<N> {
    /// The object's namespace.
    pub(super) fn namespace_or_default(&self) -> &str {
        self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE)
    }
}

/// `apps/v1` Deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// `apps/v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Its name, labels and annotations.
    pub metadata: Metadata<DnsSubdomain>,
    /// Its desired state.
    pub spec: DeploymentSpec,
}

/// The desired state of a Deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentSpec {
    /// How many pods.
    #[serde(default = "one")]
    pub replicas: u32,
    /// Selects its pods.
    pub selector: Selector,
    /// The template of its pods.
    pub template: PodTemplate,
    /// How pods are replaced when the template changes.
    #[serde(default)]
    pub strategy: Strategy,
    /// Seconds that a pod must be ready to count as available.
    #[serde(default)]
    pub min_ready_seconds: u32,
    /// How many old `ReplicaSet`s are kept; none exist here.
    #[serde(default)]
    pub revision_history_limit: Option<u32>,
    /// Seconds after which a rollout without progress has failed; not reported here.
    #[serde(default)]
    pub progress_deadline_seconds: Option<u32>,
}

fn one() -> u32 {
    1
}

/// Selects pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    /// Labels that they must have.
    pub match_labels: Labels,
    /// Further conditions.
    pub match_expressions: Vec<MatchExpression>,
}

/// A condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchExpression {
    /// The label.
    pub key: LabelKey,
    /// How the label is compared.
    pub operator: Operator,
    /// The values to compare with.
    #[serde(default)]
    pub values: Vec<LabelValue>,
}

/// How a label is compared with values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// It has one of the values.
    In,
    /// It has none of the values, or is missing.
    NotIn,
    /// It exists, with any value.
    Exists,
    /// It is missing.
    DoesNotExist,
}

impl Selector {
    /// Whether labels meet every condition.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.match_labels
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
            && self
                .match_expressions
                .iter()
                .all(|expression| expression.matches(labels))
    }

    /// Whether there is no condition at all.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}

impl MatchExpression {
    fn matches(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        let is_in = value.is_some_and(|value| self.values.contains(value));
        match self.operator {
            Operator::In => is_in,
            Operator::NotIn => !is_in,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

/// How pods are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Strategy {
    /// How old pods are replaced.
    #[serde(rename = "type")]
    pub kind: StrategyType,
    /// The bounds of a rolling update.
    pub rolling_update: Option<RollingUpdate>,
}

/// How a rollout replaces old pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StrategyType {
    /// A few at a time.
    #[default]
    RollingUpdate,
    /// All are deleted before the first new one is created.
    Recreate,
}

/// The bounds of a rolling update; 25% each by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RollingUpdate {
    /// Pods above `replicas`.
    pub max_surge: Option<IntOrString>,
    /// Pods below `replicas`.
    pub max_unavailable: Option<IntOrString>,
}

/// `v1` Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// `v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    /// `Service`.
    pub kind: String,
    /// Its name, labels and annotations.
    pub metadata: Metadata<DnsLabel>,
    /// Its desired state.
    pub spec: ServiceSpec,
}

/// The desired state of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    /// How it is reached.
    #[serde(rename = "type", default)]
    pub kind: ServiceType,
    /// `None` for a headless Service; an address is ignored.
    #[serde(rename = "clusterIP", default)]
    pub cluster_ip: Option<String>,
    /// Labels of the pods behind it.
    #[serde(default)]
    pub selector: Labels,
    /// Its ports.
    #[serde(default)]
    pub ports: Vec<RawServicePort>,
}

/// How a Service is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceType {
    /// From inside the cluster.
    #[default]
    #[serde(rename = "ClusterIP")]
    ClusterIp,
    /// On a port of every node.
    NodePort,
    /// Through a load balancer.
    LoadBalancer,
    /// As an alias of a DNS name.
    ExternalName,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawServicePort {
    /// Its name.
    #[serde(default)]
    pub name: Option<DnsLabel>,
    /// Its number.
    pub port: u16,
    /// The pods' port, by number or name; the same number by default.
    #[serde(default)]
    pub target_port: Option<IntOrString>,
    /// `TCP` by default.
    #[serde(default)]
    pub protocol: Protocol,
}
