//! The fields of Deployments and Services that have no effect here: one rule for all of them.
//!
//! A field is obeyed, refused, or, where it cannot matter on one machine without an API server,
//! ignored with a warning that names its path. What guards something is never ignored. A field that
//! Kubernetes does not know is refused, as `kubectl apply` refuses it.

use serde_json::{Value, json};

/// What happens to a field that is not obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// It says nothing that matters to anyone.
    Silent,
    /// It is ignored with a warning.
    Ignored,
    /// It is refused, with the reason.
    Refused(&'static str),
}

use Rule::{Ignored, Refused, Silent};

/// A field's path, in which `[]` stands for an index, and its rule.
type Entry = (&'static str, Rule);

const SECRETS: Rule = Refused("ConfigMaps and Secrets are not supported here");
const HOST: Rule = Refused("pods do not share the host's namespaces here");
const PROFILE: Rule = Refused("this security profile cannot be applied here");
const DISK: Rule = Refused("only emptyDir volumes are supported here");

/// Fields of the metadata of every object.
const METADATA: [Entry; 12] = [
    ("metadata.creationTimestamp", Silent),
    ("metadata.deletionGracePeriodSeconds", Silent),
    ("metadata.deletionTimestamp", Silent),
    ("metadata.finalizers", Ignored),
    (
        "metadata.generateName",
        Refused("an object needs a name of its own here"),
    ),
    ("metadata.generation", Silent),
    ("metadata.managedFields", Silent),
    ("metadata.ownerReferences", Silent),
    ("metadata.resourceVersion", Silent),
    ("metadata.selfLink", Silent),
    ("metadata.uid", Silent),
    ("status", Silent),
];

/// Fields of a Deployment outside its pod template.
const DEPLOYMENT: [Entry; 1] = [(
    "spec.paused",
    Refused("a paused Deployment would never roll out"),
)];

/// Fields of a Service.
const SERVICE: [Entry; 18] = [
    ("spec.allocateLoadBalancerNodePorts", Silent),
    ("spec.clusterIPs", Ignored),
    (
        "spec.externalIPs",
        Refused("use --publish to listen on an address"),
    ),
    ("spec.externalName", Ignored),
    ("spec.externalTrafficPolicy", Silent),
    ("spec.healthCheckNodePort", Ignored),
    ("spec.internalTrafficPolicy", Silent),
    ("spec.ipFamilies", Ignored),
    ("spec.ipFamilyPolicy", Ignored),
    ("spec.loadBalancerClass", Ignored),
    ("spec.loadBalancerIP", Ignored),
    (
        "spec.loadBalancerSourceRanges",
        Refused("client addresses are not filtered here"),
    ),
    ("spec.ports[].appProtocol", Silent),
    ("spec.ports[].nodePort", Ignored),
    (
        "spec.publishNotReadyAddresses",
        Refused("only ready pods get connections here"),
    ),
    (
        "spec.sessionAffinity",
        Refused("only None is supported here"),
    ),
    ("spec.sessionAffinityConfig", Ignored),
    ("spec.trafficDistribution", Silent),
];

/// Fields of a pod template.
const POD: [Entry; 41] = [
    (
        "activeDeadlineSeconds",
        Refused("a Deployment's pods cannot have it"),
    ),
    ("affinity", Ignored),
    ("automountServiceAccountToken", Ignored),
    (
        "dnsConfig",
        Refused("pods have the machine's resolv.conf here"),
    ),
    (
        "dnsPolicy",
        Refused("pods have the machine's resolv.conf here"),
    ),
    ("enableServiceLinks", Ignored),
    (
        "ephemeralContainers",
        Refused("a Deployment's pods cannot have them"),
    ),
    (
        "hostAliases",
        Refused("entries of /etc/hosts are not supported here"),
    ),
    ("hostIPC", HOST),
    ("hostNetwork", HOST),
    ("hostPID", HOST),
    (
        "hostUsers",
        Refused("user namespaces are not supported here"),
    ),
    (
        "hostname",
        Refused("a pod's host name is its own name here"),
    ),
    (
        "hostnameOverride",
        Refused("a pod's host name is its own name here"),
    ),
    ("imagePullSecrets", Ignored),
    (
        "initContainers",
        Refused("init containers are not supported here"),
    ),
    ("nodeName", Ignored),
    ("nodeSelector", Ignored),
    ("os", Refused("only linux is supported here")),
    ("overhead", Ignored),
    ("preemptionPolicy", Ignored),
    ("priority", Ignored),
    ("priorityClassName", Ignored),
    (
        "readinessGates",
        Refused("nothing sets conditions of pods here"),
    ),
    ("resourceClaims", Refused("devices are not supported here")),
    (
        "resources",
        Refused("limits are supported for each container alone here"),
    ),
    ("runtimeClassName", Refused("only runc is supported here")),
    ("schedulerName", Ignored),
    (
        "schedulingGates",
        Refused("nothing removes a scheduling gate here"),
    ),
    ("schedulingGroup", Ignored),
    ("securityContext.appArmorProfile", PROFILE),
    ("securityContext.fsGroupChangePolicy", Ignored),
    ("securityContext.seLinuxChangePolicy", Ignored),
    ("securityContext.seLinuxOptions", PROFILE),
    (
        "securityContext.sysctls",
        Refused("kernel parameters are not supported here"),
    ),
    ("securityContext.windowsOptions", PROFILE),
    ("serviceAccount", Ignored),
    (
        "setHostnameAsFQDN",
        Refused("a pod's host name is its own name here"),
    ),
    (
        "shareProcessNamespace",
        Refused("containers do not share processes here"),
    ),
    ("subdomain", Ignored),
    ("tolerations", Ignored),
];

/// Fields of a pod template, beside [`POD`], that are lists.
const POD_LISTS: [Entry; 33] = [
    ("topologySpreadConstraints", Ignored),
    ("volumes[].awsElasticBlockStore", DISK),
    ("volumes[].azureDisk", DISK),
    ("volumes[].azureFile", DISK),
    ("volumes[].cephfs", DISK),
    ("volumes[].cinder", DISK),
    ("volumes[].configMap", DISK),
    ("volumes[].csi", DISK),
    ("volumes[].downwardAPI", DISK),
    ("volumes[].emptyDir.medium", Ignored),
    ("volumes[].emptyDir.sizeLimit", Ignored),
    ("volumes[].ephemeral", DISK),
    ("volumes[].fc", DISK),
    ("volumes[].flexVolume", DISK),
    ("volumes[].flocker", DISK),
    ("volumes[].gcePersistentDisk", DISK),
    ("volumes[].gitRepo", DISK),
    ("volumes[].glusterfs", DISK),
    ("volumes[].hostPath", DISK),
    ("volumes[].image", DISK),
    ("volumes[].iscsi", DISK),
    ("volumes[].nfs", DISK),
    ("volumes[].persistentVolumeClaim", DISK),
    ("volumes[].photonPersistentDisk", DISK),
    ("volumes[].portworxVolume", DISK),
    ("volumes[].projected", DISK),
    ("volumes[].quobyte", DISK),
    ("volumes[].rbd", DISK),
    ("volumes[].scaleIO", DISK),
    ("volumes[].secret", DISK),
    ("volumes[].storageos", DISK),
    ("volumes[].vsphereVolume", DISK),
    ("workloadRef", Ignored),
];

/// Fields of a container.
const CONTAINER: [Entry; 26] = [
    ("env[].valueFrom.configMapKeyRef", SECRETS),
    (
        "env[].valueFrom.fieldRef.apiVersion",
        Refused("only v1 is known"),
    ),
    ("env[].valueFrom.fileKeyRef", SECRETS),
    ("env[].valueFrom.secretKeyRef", SECRETS),
    ("envFrom", SECRETS),
    (
        "lifecycle",
        Refused("lifecycle hooks are not supported here"),
    ),
    ("ports[].hostIP", Ignored),
    (
        "ports[].hostPort",
        Refused("use --publish to listen on a port of this machine"),
    ),
    ("resizePolicy", Ignored),
    (
        "resources.claims",
        Refused("devices are not supported here"),
    ),
    ("restartPolicy", Refused("only Always is supported here")),
    (
        "restartPolicyRules",
        Refused("only Always is supported here"),
    ),
    ("securityContext.appArmorProfile", PROFILE),
    (
        "securityContext.procMount",
        Refused("only Default is supported here"),
    ),
    ("securityContext.seLinuxOptions", PROFILE),
    ("securityContext.windowsOptions", PROFILE),
    ("stdin", Refused("containers have no standard input here")),
    (
        "stdinOnce",
        Refused("containers have no standard input here"),
    ),
    ("terminationMessagePath", Ignored),
    ("terminationMessagePolicy", Ignored),
    ("tty", Refused("containers have no terminal here")),
    ("volumeDevices", DISK),
    (
        "volumeMounts[].mountPropagation",
        Refused("only None is supported here"),
    ),
    (
        "volumeMounts[].recursiveReadOnly",
        Refused("only Disabled is supported here"),
    ),
    (
        "volumeMounts[].subPath",
        Refused("only whole volumes are supported here"),
    ),
    (
        "volumeMounts[].subPathExpr",
        Refused("only whole volumes are supported here"),
    ),
];

/// The metadata of a pod template, which names nothing.
const POD_METADATA: [&str; 2] = ["name", "namespace"];

const TEMPLATE: &str = "spec.template.";
const POD_SPEC: &str = "spec.template.spec.";
const CONTAINERS: &str = "spec.template.spec.containers[].";

/// The rule for a field of a kind, or `None` if Kubernetes does not know the field. `path` has `[]`
/// for every index.
fn rule(kind: &str, path: &str) -> Option<Rule> {
    let find = |table: &[Entry], path: &str| {
        table
            .iter()
            .find(|(known, _)| *known == path)
            .map(|(_, rule)| *rule)
    };
    let common = || find(&METADATA, path);
    match kind {
        "Service" => common().or_else(|| find(&SERVICE, path)),
        "Deployment" => common()
            .or_else(|| find(&DEPLOYMENT, path))
            .or_else(|| find(&CONTAINER, path.strip_prefix(CONTAINERS)?))
            .or_else(|| find(&POD, path.strip_prefix(POD_SPEC)?))
            .or_else(|| find(&POD_LISTS, path.strip_prefix(POD_SPEC)?))
            .or_else(|| {
                let field = path.strip_prefix(TEMPLATE)?;
                let name = field.strip_prefix("metadata.")?;
                if POD_METADATA.contains(&name) {
                    return Some(Silent);
                }
                find(&METADATA, field)
            }),
        _ => None,
    }
}

/// Values that say what happens anyway, beside the empty ones.
fn is_default(path: &str, value: &Value) -> bool {
    let field = path.rsplit('.').next().unwrap_or(path);
    match field {
        "hostUsers" => *value == json!(true),
        "automountServiceAccountToken" | "enableServiceLinks" => *value == json!(false),
        "dnsPolicy" => [json!("ClusterFirst"), json!("Default")].contains(value),
        "sessionAffinity" | "mountPropagation" => *value == json!("None"),
        "restartPolicy" => *value == json!("Always"),
        "recursiveReadOnly" => [json!("Disabled"), json!("IfPossible")].contains(value),
        "procMount" => *value == json!("Default"),
        "apiVersion" => *value == json!("v1"),
        "appArmorProfile" => *value == json!({"type": "Unconfined"}),
        "os" => *value == json!({"name": "linux"}),
        // A source that is set, even without a setting, replaces the default one.
        _ if value.is_object() && (path.contains("volumes[].") || field.ends_with("KeyRef")) => {
            false
        }
        _ => is_empty(value),
    }
}

/// Values that the API server treats like a field that is not set.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
    }
}

/// The fields that are not obeyed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unsupported {
    /// Paths that are warned about.
    pub(super) ignored: Vec<String>,
    /// Paths that are refused, each with the reason.
    pub(super) refused: Vec<(String, &'static str)>,
}

/// Judges the fields of `object` that its type does not have. `steps` are the steps of their paths.
pub(super) fn judge(kind: &str, object: &Value, unread: &[Vec<String>]) -> Unsupported {
    let mut found = Unsupported::default();
    for steps in unread {
        let value = steps.iter().try_fold(object, |value, step| match value {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            Value::Object(map) => map.get(step),
            _ => None,
        });
        let pattern = join(steps, |_| String::new());
        let path = join(steps, str::to_owned);
        match rule(kind, &pattern) {
            None => found.refused.push((path, "unknown field")),
            Some(Silent) => {}
            Some(_) if value.is_some_and(|value| is_default(&pattern, value)) => {}
            Some(Ignored) => found.ignored.push(path),
            Some(Refused(reason)) => found.refused.push((path, reason)),
        }
    }
    found
}

/// `a.b[0].c`, with every index written by `index`.
fn join(steps: &[String], index: impl Fn(&str) -> String) -> String {
    let mut path = String::new();
    for step in steps {
        if step.bytes().all(|c| c.is_ascii_digit()) {
            path.extend(["[", &index(step), "]"]);
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(step);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use cli::input::Input;

    use crate::manifest::parse;

    /// Every field that is obeyed, once.
    const OBEYED: &str = include_str!("../../tests/manifests/every-field.yaml");
    /// Fields that are read so that the check of the whole can refuse them.
    const READ_AND_REFUSED: &str = "seccompProfile.localhostProfile";
    const SCHEMA: &str = include_str!("../../../k8s/schemas/kubernetes-v1.36.json");

    /// The paths of a value's fields, with `[]` for each index.
    fn paths(prefix: &str, value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let dot = if prefix.is_empty() { "" } else { "." };
                    let path = format!("{prefix}{dot}{key}");
                    paths(&path, value, found);
                    found.insert(path);
                }
            }
            Value::Array(items) => {
                for item in items {
                    paths(&format!("{prefix}[]"), item, found);
                }
            }
            _ => {}
        }
    }

    /// The three probes of a container have one type.
    fn one_probe(path: &str) -> String {
        path.replace("startupProbe", "livenessProbe")
            .replace("readinessProbe", "livenessProbe")
    }

    /// Calls `visit` for each field of a definition until it says that a field needs no deeper look.
    fn walk(schema: &Value, name: &str, prefix: &str, visit: &mut dyn FnMut(&str) -> bool) {
        let Some(fields) = schema["definitions"][name]["properties"].as_object() else {
            return;
        };
        for (field, value) in fields {
            let dot = if prefix.is_empty() { "" } else { "." };
            let path = format!("{prefix}{dot}{field}");
            if !visit(&path) {
                continue;
            }
            let (target, path) = match value["items"]["$ref"].as_str() {
                Some(target) => (Some(target), format!("{path}[]")),
                None => (value["$ref"].as_str(), path),
            };
            if let Some(target) = target {
                let target = target.rsplit('/').next().unwrap();
                walk(schema, target, &path, visit);
            }
        }
    }

    #[test]
    fn every_field_of_kubernetes_is_obeyed_or_has_a_rule() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let objects: Vec<Value> = serde_saphyr::from_multiple(OBEYED).unwrap();
        let mut obeyed = BTreeSet::new();
        for object in &objects {
            let kind = object["kind"].as_str().unwrap();
            let mut own = BTreeSet::new();
            paths("", object, &mut own);
            let own = own.iter().map(|path| format!("{kind} {}", one_probe(path)));
            obeyed.extend(own);
        }
        let mut seen = 0;
        let mut missing = Vec::new();
        for (kind, definition) in [
            ("Deployment", "io.k8s.api.apps.v1.Deployment"),
            ("Service", "io.k8s.api.core.v1.Service"),
        ] {
            walk(&schema, definition, "", &mut |path| {
                seen += 1;
                if rule(kind, path).is_some() {
                    return false;
                }
                let known = obeyed.contains(&format!("{kind} {}", one_probe(path)))
                    || path.ends_with(READ_AND_REFUSED);
                if !known {
                    missing.push(format!("{kind} {path}"));
                }
                known
            });
        }
        assert!(seen > 200, "the schema was not walked: {seen} fields");
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn a_field_that_is_obeyed_is_not_warned_about() {
        let document = Input {
            origin: "every-field.yaml".to_owned(),
            text: OBEYED.to_owned(),
        };
        let objects = parse(&[document]).unwrap();
        assert_eq!(objects.warnings, []);
    }

    fn object(kind: &str, steps: &[&str], value: Value) -> Unsupported {
        let object = steps.iter().rev().fold(value, |value, step| {
            if step.parse::<usize>().is_ok() {
                json!([value])
            } else {
                json!({ (*step): value })
            }
        });
        let steps = steps.iter().map(ToString::to_string).collect();
        judge(kind, &object, &[steps])
    }

    #[test]
    fn what_guards_something_is_refused_and_what_cannot_matter_is_ignored() {
        let pod = |field: &[&str], value: Value| {
            object(
                "Deployment",
                &[&["spec", "template", "spec"], field].concat(),
                value,
            )
        };
        let refused = |field: &[&str], value: Value| {
            let found = pod(field, value);
            assert_eq!(found.ignored.len(), 0, "{found:?}");
            assert_eq!(found.refused.len(), 1, "{field:?}");
        };
        refused(&["runtimeClassName"], json!("gvisor"));
        refused(&["hostUsers"], json!(false));
        refused(
            &["securityContext", "appArmorProfile"],
            json!({"type": "RuntimeDefault"}),
        );
        refused(&["containers", "0", "envFrom"], json!([{}]));
        refused(&["volumes", "0", "configMap"], json!({}));
        refused(&["containerz"], json!([]));
        let silent = |field: &[&str], value: Value| {
            assert_eq!(pod(field, value), Unsupported::default(), "{field:?}");
        };
        silent(&["hostUsers"], json!(true));
        silent(&["initContainers"], json!([]));
        silent(&["affinity"], json!({"podAntiAffinity": {}}));
        silent(&["dnsPolicy"], json!("ClusterFirst"));
        silent(
            &["securityContext", "appArmorProfile"],
            json!({"type": "Unconfined"}),
        );
        let found = pod(&["containers", "0", "ports", "0", "hostIP"], json!("::1"));
        let path = "spec.template.spec.containers[0].ports[0].hostIP";
        assert_eq!(found.ignored, [path]);
    }
}
