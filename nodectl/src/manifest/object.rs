//! Parses YAML into typed objects. An unsupported field is refused or warned about by its path.

use std::collections::BTreeMap;

use cli::input::Input;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::standard::{ENFORCE, PodStandard, STANDARDS};
use super::unsupported::{Unsupported, judge};
use super::{Deployment, Service, nulls, shape};

/// Kinds of objects that restrict pods or clients, beside network policies.
const RESTRICTING: [&str; 5] = [
    "AuthorizationPolicy",
    "LimitRange",
    "PeerAuthentication",
    "RequestAuthentication",
    "ResourceQuota",
];

/// Something in a manifest that has no effect here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(pub String);

/// Why manifests could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The text is not YAML.
    #[error("{origin} is not valid YAML: {message}")]
    Yaml {
        /// The file.
        origin: String,
        /// The parser's message, with line and column.
        message: String,
    },
    /// A document is YAML, but not a Kubernetes object.
    #[error("{origin}, document {number}: {problem}")]
    NotAnObject {
        /// The file.
        origin: String,
        /// Which document of it, from 1.
        number: usize,
        /// Its problem.
        problem: &'static str,
    },
    /// An object runs pods but is not a Deployment.
    #[error(
        "{origin}: {kind} `{name}` is not supported: of the kinds that run pods, only Deployments are"
    )]
    Workload {
        /// The file.
        origin: String,
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// Fields of an object are not supported and cannot be ignored.
    #[error("{origin}: {kind} `{name}`: {}", reasons(.fields))]
    Unsupported {
        /// The file.
        origin: String,
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// The fields' paths, each with the reason.
        fields: Vec<(String, &'static str)>,
    },
    /// An object does not match the schema of its kind.
    #[error("{origin}: {kind} `{name}`: {message}")]
    Shape {
        /// The file.
        origin: String,
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
        /// The problem, with the path of the field.
        message: String,
    },
    /// An object has an unsupported API version.
    #[error(
        "{origin}: {kind} `{name}`: apiVersion `{api_version}` is not supported: expected `{wanted}`"
    )]
    ApiVersion {
        /// The file.
        origin: String,
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// Its API version.
        api_version: String,
        /// The supported one.
        wanted: &'static str,
    },
}

/// `path: reason`, one after the other.
fn reasons(fields: &[(String, &'static str)]) -> String {
    let each: Vec<_> = fields
        .iter()
        .map(|(path, reason)| format!("{path}: {reason}"))
        .collect();
    each.join("; ")
}

/// An object and the file that it is in.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    /// The file.
    pub origin: String,
    /// The object.
    pub object: T,
}

/// The objects of some manifests.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    /// Deployments, each with its original template, whose hash identifies it.
    pub deployments: Vec<Located<(Deployment, Value)>>,
    /// Services.
    pub services: Vec<Located<Service>>,
    /// The Pod Security Standards that namespaces enforce, by the namespace's name.
    pub standards: BTreeMap<String, PodStandard>,
    /// Objects of other kinds, which are ignored.
    pub others: Vec<String>,
    /// Network policies, which are not enforced here.
    pub network_policies: Vec<String>,
    /// Warnings about objects and fields without effect here.
    pub warnings: Vec<Warning>,
}

/// Parses documents into objects.
///
/// # Errors
/// As [`ReadError`]; the first one found.
pub fn parse(documents: &[Input]) -> Result<Objects, ReadError> {
    let mut objects = Objects::default();
    for document in documents {
        let origin = &document.origin;
        let values = values(&document.text).map_err(|error| ReadError::Yaml {
            origin: origin.clone(),
            message: yaml_message(&error),
        })?;
        for (at, mut value) in values.into_iter().enumerate() {
            nulls::strip(&mut value);
            if !value.is_null() {
                add(&mut objects, origin, at + 1, value)?;
            }
        }
    }
    Ok(objects)
}

/// The documents of a text: YAML, or JSON, of which several need no `---` between them.
fn values(text: &str) -> Result<Vec<Value>, serde_saphyr::Error> {
    serde_saphyr::from_multiple(text).or_else(|error| {
        let json = serde_json::Deserializer::from_str(text).into_iter();
        json.collect::<Result<_, _>>().map_err(|_| error)
    })
}

/// The items of a list. An item of a `DeploymentList`, for example, need not repeat its kind.
fn items(kind: &str, api_version: &str, list: &mut Value) -> Vec<Value> {
    let items = list.get_mut("items").and_then(Value::as_array_mut);
    let mut items = items.map(std::mem::take).unwrap_or_default();
    let of_item = kind.trim_end_matches("List");
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        if !of_item.is_empty() && !item.contains_key("kind") {
            item.insert("kind".to_owned(), of_item.into());
            item.insert("apiVersion".to_owned(), api_version.into());
        }
    }
    items
}

fn add(
    objects: &mut Objects,
    origin: &str,
    number: usize,
    mut value: Value,
) -> Result<(), ReadError> {
    let not_an_object = |problem| ReadError::NotAnObject {
        origin: origin.to_owned(),
        number,
        problem,
    };
    if !value.is_object() {
        return Err(not_an_object(
            "expected an object with `apiVersion` and `kind`",
        ));
    }
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let kind = text("kind").ok_or_else(|| not_an_object("`kind` is missing"))?;
    let api_version = text("apiVersion").ok_or_else(|| not_an_object("`apiVersion` is missing"))?;
    let name = value
        .pointer("/metadata/name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let version = |kind, wanted| {
        if api_version == wanted {
            return Ok(());
        }
        let (origin, name, api_version) = (origin.to_owned(), name.clone(), api_version.clone());
        Err(ReadError::ApiVersion {
            origin,
            kind,
            name,
            api_version,
            wanted,
        })
    };
    nulls::strip_zeroes(&kind, &mut value);
    match kind.as_str() {
        _ if kind == "List" || kind.ends_with("List") && value["items"].is_array() => {
            for item in items(&kind, &api_version, &mut value) {
                add(objects, origin, number, item)?;
            }
        }
        "Deployment" => {
            version("Deployment", "apps/v1")?;
            let template = value.pointer("/spec/template").cloned().unwrap_or_default();
            let deployment = typed(&mut objects.warnings, origin, &kind, &name, &value)?;
            objects.deployments.push(Located {
                origin: origin.to_owned(),
                object: (deployment, template),
            });
        }
        "Service" => {
            version("Service", "v1")?;
            let service = typed(&mut objects.warnings, origin, &kind, &name, &value)?;
            objects.services.push(Located {
                origin: origin.to_owned(),
                object: service,
            });
        }
        "Pod"
        | "ReplicaSet"
        | "ReplicationController"
        | "StatefulSet"
        | "DaemonSet"
        | "Job"
        | "CronJob" => {
            let origin = origin.to_owned();
            return Err(ReadError::Workload { origin, kind, name });
        }
        // It only organizes files.
        "Kustomization" => {}
        "Namespace" => {
            if let Some(level) = value["metadata"]["labels"].get(ENFORCE) {
                let standard = level.as_str().and_then(|level| level.parse().ok());
                let standard = standard.ok_or_else(|| ReadError::Unsupported {
                    origin: origin.to_owned(),
                    kind,
                    name: name.clone(),
                    fields: vec![(format!("metadata.labels[{ENFORCE}]"), STANDARDS)],
                })?;
                objects.standards.insert(name, standard);
            }
        }
        _ if RESTRICTING.contains(&kind.as_str()) => {
            let other = format!("{kind} `{name}`");
            objects
                .warnings
                .push(Warning(format!("{other} is not enforced here")));
            objects.others.push(other);
        }
        // Including those of network plugins, such as CiliumNetworkPolicy.
        _ if kind.ends_with("NetworkPolicy") => {
            objects.network_policies.push(format!("{kind} `{name}`"));
        }
        _ => {
            let other = format!("{kind} `{name}`");
            objects
                .warnings
                .push(Warning(format!("{other} is ignored")));
            objects.others.push(other);
        }
    }
    Ok(())
}

fn typed<T: DeserializeOwned + Serialize>(
    warnings: &mut Vec<Warning>,
    origin: &str,
    kind: &str,
    name: &str,
    value: &Value,
) -> Result<T, ReadError> {
    let mut unread = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(value, &mut track);
    let parsed = serde_ignored::deserialize(deserializer, |path| unread.push(steps(&path)));
    let misshapen = |message| ReadError::Shape {
        origin: origin.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        message,
    };
    let parsed: T = parsed.map_err(|error: serde_json::Error| {
        misshapen(format!("{}: {}", track.path(), shape::message(&error)))
    })?;
    let read = serde_json::to_value(&parsed).unwrap_or_default();
    if let Some(path) = shape::list_as_object(value, &read) {
        return Err(misshapen(format!(
            "{path}: expected an object, found a list"
        )));
    }
    let Unsupported { ignored, refused } = judge(kind, value, &unread);
    if !refused.is_empty() {
        return Err(ReadError::Unsupported {
            origin: origin.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            fields: refused,
        });
    }
    if !ignored.is_empty() {
        let list = ignored.join(", ");
        warnings.push(Warning(format!("{kind} `{name}`: ignored: {list}")));
    }
    Ok(parsed)
}

/// The keys and indices of a path.
fn steps(path: &serde_ignored::Path<'_>) -> Vec<String> {
    use serde_ignored::Path;
    match path {
        Path::Root => Vec::new(),
        Path::Seq { parent, index } => [steps(parent), vec![index.to_string()]].concat(),
        Path::Map { parent, key } => [steps(parent), vec![key.clone()]].concat(),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => steps(parent),
    }
}

/// The first line of the parser's message; an excerpt follows it.
fn yaml_message(error: &serde_saphyr::Error) -> String {
    let message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let line = message.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Objects, ReadError> {
        parse(&[Input {
            origin: "a.yaml".to_owned(),
            text: text.to_owned(),
        }])
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(read(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn unsupported_objects_are_refused() {
        check(
            "hello",
            "a.yaml, document 1: expected an object with `apiVersion` and `kind`",
        );
        check(
            "{apiVersion: v1, kind: Namespace}\n---\nkind: Service",
            "a.yaml, document 2: `apiVersion` is missing",
        );
        check(
            "{apiVersion: apps/v1beta1, kind: Deployment, metadata: {name: web}}",
            "a.yaml: Deployment `web`: apiVersion `apps/v1beta1` is not supported: expected `apps/v1`",
        );
        check(
            "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: []}}",
            "a.yaml: Pod `web` is not supported: of the kinds that run pods, only Deployments are",
        );
        let wrong = "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: 80}}";
        let message = read(wrong).unwrap_err().to_string();
        assert!(
            message.starts_with("a.yaml: Service `web`: spec.ports: "),
            "{message}"
        );
    }

    #[test]
    fn a_duplicate_key_is_reported_in_yamls_terms() {
        let message = read("apiVersion: v1\nkind: Service\nkind: Service\n")
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("a.yaml is not valid YAML: ") && message.contains("kind"),
            "{message}"
        );
        assert!(!message.contains("Options"), "{message}");
    }

    #[test]
    fn an_ignored_field_is_named_by_its_path_in_a_warning() {
        let objects = read(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {}\n  \
             template:\n    spec:\n      priority: 3\n      containers: []\n      tolerations: [{}]\n",
        )
        .unwrap();
        let warnings: Vec<_> = objects.warnings.iter().map(|of| of.0.as_str()).collect();
        assert_eq!(
            warnings,
            ["Deployment `web`: ignored: spec.template.spec.priority, \
              spec.template.spec.tolerations"]
        );
    }

    #[test]
    fn an_empty_text_means_unset_where_kubernetes_has_a_default() {
        let objects = read(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: ''}, spec: {selector: \
             {}, template: {spec: {containers: [{name: web, image: '', command: [''], livenessProbe: \
             {httpGet: {host: '', port: 80}}, readinessProbe: {tcpSocket: {host: '', port: 80}}}]}}}}",
        )
        .unwrap();
        let (deployment, _) = &objects.deployments[0].object;
        assert_eq!(deployment.metadata.namespace, None);
        let container = &deployment.spec.template.spec.containers[0];
        assert_eq!(container.command, [""]);
        let http = container.liveness_probe.as_ref().unwrap();
        assert_eq!(http.http_get.as_ref().unwrap().host, None);
        let tcp = container.readiness_probe.as_ref().unwrap();
        assert_eq!(tcp.tcp_socket.as_ref().unwrap().host, None);
    }

    #[test]
    fn every_refused_field_is_named_with_the_reason() {
        check(
            "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {sesionAffinity: None, \
             ports: [], loadBalancerSourceRanges: [10.0.0.0/8]}}",
            "a.yaml: Service `web`: spec.loadBalancerSourceRanges: client addresses are not filtered \
             here; spec.sesionAffinity: unknown field",
        );
    }
}
