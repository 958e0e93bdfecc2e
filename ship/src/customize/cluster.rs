//! The name of the cluster, for Karpenter's node class.

use serde_json::Value;

use super::values::ClusterName;

/// The placeholder in the manifests for values that users have to set.
pub(crate) const PLACEHOLDER: &str = "REPLACE-ME";

/// Sets the cluster in Karpenter's node classes, and returns whether there was a placeholder.
pub(super) fn set(objects: &mut [Value], name: &ClusterName) -> bool {
    let classes = objects.iter_mut();
    let classes = classes.filter(|object| object["kind"] == "EC2NodeClass");
    let replaced: usize = classes.map(|class| replace(class, name.as_ref())).sum();
    replaced > 0
}

/// Replaces the placeholder in all strings, and returns the number of changed strings.
fn replace(value: &mut Value, name: &str) -> usize {
    match value {
        Value::String(text) if text.contains(PLACEHOLDER) => {
            *text = text.replace(PLACEHOLDER, name);
            1
        }
        Value::Array(items) => items.iter_mut().map(|item| replace(item, name)).sum(),
        Value::Object(map) => map.values_mut().map(|child| replace(child, name)).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_class_gets_the_cluster() {
        let mut objects = [
            json!({"kind": "EC2NodeClass", "spec": {"role": "KarpenterNodeRole-REPLACE-ME",
                "subnetSelectorTerms": [{"tags": {"alpha.eksctl.io/cluster-name": "REPLACE-ME"}}]}}),
            json!({"kind": "StorageClass", "parameters": {"fileSystemId": "fs-REPLACE-ME"}}),
        ];
        let name = "hello".parse().unwrap();
        assert!(set(&mut objects, &name));
        assert_eq!(
            objects[0]["spec"],
            json!({"role": "KarpenterNodeRole-hello",
                "subnetSelectorTerms": [{"tags": {"alpha.eksctl.io/cluster-name": "hello"}}]})
        );
        assert_eq!(objects[1]["parameters"]["fileSystemId"], "fs-REPLACE-ME");
        assert!(
            !set(&mut objects, &name),
            "there is nothing left to replace"
        );
    }
}
