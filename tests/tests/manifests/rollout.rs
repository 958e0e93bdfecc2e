//! Times and numbers of pods: draining, rollouts and disruptions.

use serde_json::Value;

use super::combinations;

/// The drain and the requests in flight end before the kubelet's SIGKILL, with time to flush and exit, and
/// no load balancer drops a target that still answers.
#[test]
fn the_drain_fits_into_the_grace_period() {
    for (name, rendered) in combinations() {
        let pod = &rendered.only("Deployment")["spec"]["template"]["spec"];
        let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap();
        let delay = seconds(
            rendered
                .setting("APP_DRAIN_DELAY")
                .expect("stated in the base"),
        );
        let deadline = seconds(
            rendered
                .setting("APP_DRAIN_DEADLINE")
                .expect("stated in the base"),
        );
        assert!(
            delay + deadline + 10 <= grace,
            "{name}: {delay} + {deadline} + 10 > {grace}"
        );
        let annotations = &rendered.only("Service")["metadata"]["annotations"];
        let attributes = "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes";
        if let Some(attributes) = annotations[attributes].as_str() {
            // An NLB needs about two minutes to stop sending; Spot gives no more than two.
            let least = if name.contains("spot") { 70 } else { 120 };
            assert!(delay >= least, "{name}: {delay} s is too short for an NLB");
            let deregistration = attributes
                .split(',')
                .find_map(|one| one.strip_prefix("deregistration_delay.timeout_seconds="))
                .and_then(|value| value.parse::<u64>().ok())
                .unwrap();
            assert!(
                deregistration >= delay + deadline,
                "{name}: deregistered while it answers"
            );
        }
        if name.contains("spot") {
            assert!(grace <= 120, "{name}: a Spot notice is 120 s");
        }
    }
}

/// A percentage of a number of pods as Kubernetes rounds a surge and a disruption budget: up.
fn percentage_of(value: &Value, pods: u64) -> u64 {
    let text = value.as_str().unwrap_or("");
    let percent = text
        .strip_suffix('%')
        .and_then(|number| number.parse::<u64>().ok());
    match (percent, value.as_u64()) {
        (Some(percent), _) => (pods * percent).div_ceil(100),
        (None, Some(number)) => number,
        (None, None) => panic!("`{value}` is neither a number nor a percentage"),
    }
}

#[test]
fn a_rollout_never_goes_below_the_desired_number_and_is_done_in_time() {
    for (name, rendered) in combinations() {
        let spec = &rendered.only("Deployment")["spec"];
        let rolling = &spec["strategy"]["rollingUpdate"];
        assert_eq!(rolling["maxUnavailable"], 0, "{name}");
        let autoscaler = &rendered.only("HorizontalPodAutoscaler")["spec"];
        assert_eq!(autoscaler["minReplicas"], 3, "{name}");
        let most = autoscaler["maxReplicas"].as_u64().unwrap();
        // A target of an NLB becomes healthy after 4 minutes at worst.
        let surge = percentage_of(&rolling["maxSurge"], most);
        assert!(
            most.div_ceil(surge) * 4 <= 20,
            "{name}: a rollout takes too long"
        );
        // EKS waits 15 minutes for a node's pods to be evicted. Each batch is replaced, registered
        // and drained for up to 5 minutes; 3 nodes share the pods.
        let budget = &rendered.only("PodDisruptionBudget")["spec"]["maxUnavailable"];
        let batches = most.div_ceil(3).div_ceil(percentage_of(budget, most));
        assert!(batches * 5 < 15, "{name}: a node's drain takes too long");
        // On EKS, the autoscaler sets the number of pods.
        if name.starts_with("eks") {
            assert!(spec["minReadySeconds"].as_u64() >= Some(10), "{name}");
            assert!(
                spec["progressDeadlineSeconds"].as_u64() >= Some(600),
                "{name}"
            );
            assert_eq!(spec["replicas"], Value::Null, "{name}");
            let labels = rendered.only("Namespace")["metadata"]["labels"]
                .as_object()
                .unwrap();
            let gates = labels
                .iter()
                .filter(|(key, _)| key.ends_with("/pod-readiness-gate-inject"));
            assert_eq!(
                gates.map(|(_, value)| value).collect::<Vec<_>>(),
                ["enabled"],
                "{name}"
            );
        } else {
            assert_eq!(spec["replicas"], 3, "{name}");
        }
    }
}

fn seconds(text: &str) -> u64 {
    text.strip_suffix('s')
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| {
            panic!("`{text}` is not in whole seconds, which is how the manifests state times")
        })
}
