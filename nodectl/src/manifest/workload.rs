//! Deployments and Services, as manifests write them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{IntOrString, Metadata, PodTemplate};

/// `apps/v1` Deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// `apps/v1`.
    #[serde(rename = "apiVersion")]
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Its name.
    pub metadata: Metadata,
    /// What it is to be.
    pub spec: DeploymentSpec,
}

/// What a Deployment is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentSpec {
    /// How many pods.
    #[serde(default = "one")]
    pub replicas: u32,
    /// Which pods are its own.
    pub selector: Selector,
    /// What its pods are made from.
    pub template: PodTemplate,
    /// How pods are replaced by those of a newer template.
    #[serde(default)]
    pub strategy: Strategy,
    /// Seconds that a pod must be ready to count as available.
    #[serde(default)]
    pub min_ready_seconds: u32,
    /// How many old templates are remembered; none here.
    #[serde(default)]
    pub revision_history_limit: Option<u32>,
    /// Seconds after which a rollout that does not move has failed.
    #[serde(default)]
    pub progress_deadline_seconds: Option<u32>,
}

fn one() -> u32 {
    1
}

/// Which pods belong to something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Labels that they have.
    #[serde(default)]
    pub match_labels: BTreeMap<String, String>,
    /// Further conditions.
    #[serde(default)]
    pub match_expressions: Vec<MatchExpression>,
}

/// A condition on one label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchExpression {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// What it is compared with.
    #[serde(default)]
    pub values: Vec<String>,
}

impl Selector {
    /// Whether labels fulfil every condition; an unknown operator is fulfilled by none.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
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
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let is_in = value.is_some_and(|value| self.values.contains(value));
        match self.operator.as_str() {
            "In" => is_in,
            "NotIn" => !is_in,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}

/// How pods are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Strategy {
    /// `RollingUpdate` (default) or `Recreate`.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// The bounds of a rolling update.
    #[serde(default)]
    pub rolling_update: Option<RollingUpdate>,
}

/// The bounds of a rolling update; 25% each by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollingUpdate {
    /// Pods above `replicas`.
    #[serde(default)]
    pub max_surge: Option<IntOrString>,
    /// Pods below `replicas`.
    #[serde(default)]
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
    /// Its name.
    pub metadata: Metadata,
    /// What it is to be.
    pub spec: ServiceSpec,
}

/// What a Service is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    /// `ClusterIP` by default.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// Labels of the pods behind it.
    #[serde(default)]
    pub selector: BTreeMap<String, String>,
    /// Its ports.
    #[serde(default)]
    pub ports: Vec<RawServicePort>,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawServicePort {
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// Its number.
    pub port: u16,
    /// The pods' port, by number or name; the same number by default.
    #[serde(default)]
    pub target_port: Option<IntOrString>,
    /// `TCP` by default.
    #[serde(default)]
    pub protocol: Option<String>,
}
