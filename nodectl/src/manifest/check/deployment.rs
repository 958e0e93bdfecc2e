//! Checks a Deployment.

use std::time::Duration;

use oci::Digest;
use serde_json::Value;

use super::error::CheckError;
use super::pod;
use super::problems::Problems;
use crate::manifest::name::Labels;
use crate::manifest::workload::{Operator, RollingUpdate, Selector, Strategy, StrategyType};
use crate::manifest::{Deployment, DesiredDeployment, IntOrString};

/// More pods than this on one machine are a mistake; the kubelet's own limit is 110.
const MAX_REPLICAS: u32 = 110;

/// The API server's default for `progressDeadlineSeconds`.
const PROGRESS_DEADLINE_SECONDS: u32 = 600;

pub(super) fn check(
    raw: &Deployment,
    template: &Value,
    problems: &mut Problems,
) -> Result<DesiredDeployment, CheckError> {
    let spec = &raw.spec;
    let labels = &spec.template.metadata.labels;
    selector(&spec.selector, labels, problems);
    if spec.replicas > MAX_REPLICAS {
        let problem = format!("more than {MAX_REPLICAS} pods do not fit on one machine");
        problems.add("spec.replicas", problem);
    }
    let deadline = spec
        .progress_deadline_seconds
        .unwrap_or(PROGRESS_DEADLINE_SECONDS);
    if deadline <= spec.min_ready_seconds {
        let problem = format!("must be greater than minReadySeconds, but is {deadline}");
        problems.add("spec.progressDeadlineSeconds", problem);
    }
    let (max_surge, max_unavailable) = bounds(&spec.strategy, spec.replicas, problems);
    pod::check(&raw.metadata.name, &spec.template, problems)?;
    let canonical = oci::image::canonical(template);
    let hash = Digest::of(&canonical).hex()[..10].to_owned();
    Ok(DesiredDeployment {
        origin: problems.origin().to_owned(),
        namespace: raw.metadata.namespace_or_default().to_owned(),
        name: raw.metadata.name.to_string(),
        replicas: spec.replicas,
        max_surge,
        max_unavailable,
        recreate: spec.strategy.kind == StrategyType::Recreate,
        min_ready: Duration::from_secs(spec.min_ready_seconds.into()),
        template: spec.template.clone(),
        hash,
    })
}

fn selector(selector: &Selector, labels: &Labels, problems: &mut Problems) {
    if selector.is_empty() {
        return problems.add("spec.selector", "must not be empty");
    }
    for (index, expression) in selector.match_expressions.iter().enumerate() {
        let path = format!("spec.selector.matchExpressions[{index}].values");
        match expression.operator {
            Operator::In | Operator::NotIn if expression.values.is_empty() => {
                problems.add(&path, "must not be empty for In and NotIn");
            }
            Operator::Exists | Operator::DoesNotExist if !expression.values.is_empty() => {
                problems.add(&path, "must be empty for Exists and DoesNotExist");
            }
            Operator::In | Operator::NotIn | Operator::Exists | Operator::DoesNotExist => {}
        }
    }
    if !selector.matches(labels) {
        let pairs: Vec<_> = labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let problem = format!(
            "spec.selector does not match these labels ({})",
            if pairs.is_empty() {
                "none".to_owned()
            } else {
                pairs.join(", ")
            }
        );
        problems.add("spec.template.metadata.labels", problem);
    }
}

/// Surge and unavailability as the Deployment controller resolves them: 25% each by default, surge
/// rounded up, the other down.
fn bounds(strategy: &Strategy, replicas: u32, problems: &mut Problems) -> (u32, u32) {
    let path = "spec.strategy.rollingUpdate";
    if strategy.kind == StrategyType::Recreate {
        if strategy.rolling_update.is_some() {
            problems.add(path, "must not be set for the type Recreate");
        }
        return (0, replicas.max(1));
    }
    let RollingUpdate {
        max_surge,
        max_unavailable,
    } = strategy.rolling_update.clone().unwrap_or_default();
    let quarter = || IntOrString::Text("25%".to_owned());
    let max_surge = max_surge.unwrap_or_else(quarter);
    let max_unavailable = max_unavailable.unwrap_or_else(quarter);
    let mut count = |field: &str, value: &IntOrString, round_up| {
        value.of(replicas, round_up).unwrap_or_else(|| {
            let problem = format!("`{value}` is neither a count nor a percentage");
            problems.add(&format!("{path}.{field}"), problem);
            1
        })
    };
    let counts = (
        count("maxSurge", &max_surge, true),
        count("maxUnavailable", &max_unavailable, false),
    );
    let is_zero = |value: &IntOrString| value.of(100, true) == Some(0);
    if is_zero(&max_surge) && is_zero(&max_unavailable) {
        let problem = "must not be 0 when maxSurge is 0";
        problems.add(&format!("{path}.maxUnavailable"), problem);
    }
    if matches!(max_unavailable, IntOrString::Text(_)) && max_unavailable.of(100, true) > Some(100)
    {
        problems.add(
            &format!("{path}.maxUnavailable"),
            "must not be greater than 100%",
        );
    }
    match counts {
        // Both percentages were rounded to 0: the controller then allows one unavailable pod.
        (0, 0) => (0, 1),
        counts => counts,
    }
}
