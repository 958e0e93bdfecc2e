//! The tags of a deployment's AWS resources: load balancers, their target groups and security groups, EBS
//! volumes, nodes.

use serde_json::{Map, Value, json};

use super::balancer::annotate;
use super::values::Tags;

/// <https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/>
const NLB_TAGS: &str = "service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags";
const ALB_TAGS: &str = "alb.ingress.kubernetes.io/tags";
/// <https://github.com/kubernetes-sigs/aws-ebs-csi-driver/blob/master/docs/tagging.md>
const VOLUME_TAG: &str = "tagSpecification_";

/// Adds the tags to every object for which AWS resources are created.
pub(super) fn add(objects: &mut [Value], tags: &Tags) {
    for object in objects {
        let kind = object["kind"].as_str().unwrap_or_default();
        match kind {
            "Service" if object["spec"]["type"] == "LoadBalancer" => {
                annotate(object, NLB_TAGS, &tags.to_string());
            }
            "Ingress" => annotate(object, ALB_TAGS, &tags.to_string()),
            // The EFS driver accepts tags of access points only on its command line.
            "StorageClass" if is_ebs(object) => {
                let parameters = &mut object["parameters"];
                for (number, (key, value)) in tags.iter().enumerate() {
                    parameters[format!("{VOLUME_TAG}{}", number + 1)] =
                        format!("{key}={value}").into();
                }
            }
            // Karpenter's, and EKS Auto Mode's.
            "EC2NodeClass" | "NodeClass" => {
                let spec = &mut object["spec"]["tags"];
                if spec.is_null() {
                    *spec = Value::Object(Map::new());
                }
                for (key, value) in tags.iter() {
                    spec[key] = value.into();
                }
            }
            // In EKS Auto Mode, an Ingress gets its tags from its class.
            "IngressClassParams" => {
                let list = tags.iter();
                let list = list.map(|(key, value)| json!({"key": key, "value": value}));
                object["spec"]["tags"] = list.collect();
            }
            _ => {}
        }
    }
}

fn is_ebs(class: &Value) -> bool {
    let provisioner = class["provisioner"].as_str().unwrap_or_default();
    provisioner.starts_with("ebs.csi.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_with_aws_resources_get_the_tags() {
        let mut objects = [
            json!({"kind": "Service", "spec": {"type": "LoadBalancer"}}),
            json!({"kind": "Service", "spec": {"type": "ClusterIP"}}),
            json!({"kind": "Ingress"}),
            json!({"kind": "StorageClass", "provisioner": "ebs.csi.eks.amazonaws.com",
                "parameters": {"type": "gp3"}}),
            json!({"kind": "StorageClass", "provisioner": "efs.csi.aws.com"}),
            json!({"kind": "EC2NodeClass", "spec": {"tags": {"mine": "1"}}}),
            json!({"kind": "IngressClassParams", "spec": {}}),
        ];
        add(&mut objects, &"team=a,cost=4 2".parse().unwrap());
        assert_eq!(
            Value::from(objects.to_vec()),
            json!([
                {"kind": "Service", "spec": {"type": "LoadBalancer"},
                    "metadata": {"annotations": {NLB_TAGS: "team=a,cost=4 2"}}},
                {"kind": "Service", "spec": {"type": "ClusterIP"}},
                {"kind": "Ingress", "metadata": {"annotations": {ALB_TAGS: "team=a,cost=4 2"}}},
                {"kind": "StorageClass", "provisioner": "ebs.csi.eks.amazonaws.com",
                    "parameters": {"type": "gp3", "tagSpecification_1": "team=a",
                        "tagSpecification_2": "cost=4 2"}},
                {"kind": "StorageClass", "provisioner": "efs.csi.aws.com"},
                {"kind": "EC2NodeClass", "spec": {"tags": {"mine": "1", "team": "a", "cost": "4 2"}}},
                {"kind": "IngressClassParams", "spec": {"tags": [
                    {"key": "team", "value": "a"}, {"key": "cost", "value": "4 2"}]}},
            ])
        );
    }
}
