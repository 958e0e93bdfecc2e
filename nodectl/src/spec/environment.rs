//! Environment, command and arguments, with the downward API.
//!
//! <https://kubernetes.io/docs/concepts/workloads/pods/downward-api/>

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::manifest::{ContainerSpec, EnvSource, expand};

/// The fields of a pod that the downward API exposes.
#[derive(Clone, Debug)]
pub(crate) struct PodFields {
    /// Its name.
    pub name: String,
    /// Its namespace in the manifests.
    pub namespace: String,
    /// Its unique ID.
    pub uid: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The host's address in its network.
    pub host_address: Ipv4Addr,
    /// The machine's name.
    pub node: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// The name of its service account.
    pub service_account: String,
}

impl PodFields {
    /// The value of a `fieldRef`, or `None` if there is no such field.
    fn get(&self, path: &str) -> Option<String> {
        let keyed = |prefix: &str, map: &BTreeMap<String, String>| {
            let key = path
                .strip_prefix(prefix)?
                .strip_prefix("['")?
                .strip_suffix("']")?;
            // A missing label has an empty value.
            Some(map.get(key).cloned().unwrap_or_default())
        };
        Some(match path {
            "metadata.name" => self.name.clone(),
            "metadata.namespace" => self.namespace.clone(),
            "metadata.uid" => self.uid.clone(),
            "spec.nodeName" => self.node.clone(),
            "spec.serviceAccountName" => self.service_account.clone(),
            "status.podIP" | "status.podIPs" => self.address.to_string(),
            "status.hostIP" | "status.hostIPs" => self.host_address.to_string(),
            _ => {
                return keyed("metadata.labels", &self.labels)
                    .or_else(|| keyed("metadata.annotations", &self.annotations));
            }
        })
    }
}

/// The environment of a container.
#[derive(Debug)]
pub(super) struct Environment {
    /// Every variable: the image's, then the container's own.
    all: Variables,
    /// The container's own variables, the only ones that `$(NAME)` can refer to: the kubelet does not know
    /// the image's.
    own: Variables,
}

impl Environment {
    /// The variables as `NAME=value`, in order.
    pub(super) fn lines(&self) -> Vec<String> {
        let all = self.all.iter();
        all.map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// Names and values, in order.
type Variables = Vec<(String, String)>;

/// The environment from the image's variables and the container's own ones.
///
/// # Errors
/// A field path that does not exist.
pub(super) fn environment(
    image: &[String],
    container: &ContainerSpec,
    pod: &PodFields,
) -> Result<Environment, String> {
    let mut all = Variables::new();
    if !image.iter().any(|variable| variable.starts_with("PATH=")) {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        all.push(("PATH".to_owned(), path.to_owned()));
    }
    all.push(("HOSTNAME".to_owned(), pod.name.clone()));
    for variable in image {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        set(&mut all, name, value.to_owned());
    }
    let mut own = Variables::new();
    for variable in &container.env {
        let text = variable.value.as_deref().filter(|text| !text.is_empty());
        let value = match (text, &variable.value_from) {
            (Some(text), _) => expand(text, |name| get(&own, name)),
            (None, Some(source)) => from_source(source, container, pod)?,
            (None, None) => String::new(),
        };
        set(&mut own, &variable.name, value.clone());
        set(&mut all, &variable.name, value);
    }
    Ok(Environment { all, own })
}

fn set(variables: &mut Vec<(String, String)>, name: &str, value: String) {
    match variables.iter_mut().find(|(known, _)| known == name) {
        Some(known) => known.1 = value,
        None => variables.push((name.to_owned(), value)),
    }
}

fn get(variables: &[(String, String)], name: &str) -> Option<String> {
    variables
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.clone())
}

fn from_source(
    source: &EnvSource,
    container: &ContainerSpec,
    pod: &PodFields,
) -> Result<String, String> {
    if let Some(field) = &source.field_ref {
        return pod
            .get(&field.field_path)
            .ok_or_else(|| field.field_path.clone());
    }
    let Some(resource) = &source.resource_field_ref else {
        return Ok(String::new());
    };
    let path = &resource.resource;
    let (list, name) = match path.split_once('.') {
        Some(("limits", name)) => (&container.resources.limits, name),
        Some(("requests", name)) => (&container.resources.requests, name),
        _ => return Err(path.clone()),
    };
    let quantity = list.get(name).copied();
    Ok(match (quantity, resource.divisor) {
        (Some(quantity), Some(divisor)) => quantity.divided_by(divisor).to_string(),
        (Some(quantity), None) => quantity.whole().to_string(),
        (None, _) => "0".to_owned(),
    })
}

/// The command line: the container's command and arguments override the image's by Kubernetes' rules.
pub(super) fn command_line(
    entrypoint: &[String],
    cmd: &[String],
    container: &ContainerSpec,
    environment: &Environment,
) -> Vec<String> {
    let expanded = |words: &[String]| {
        words
            .iter()
            .map(|word| expand(word, |name| get(&environment.own, name)))
            .collect::<Vec<_>>()
    };
    let (command, args) = (expanded(&container.command), expanded(&container.args));
    match (command.is_empty(), args.is_empty()) {
        (true, true) => [entrypoint, cmd].concat(),
        (true, false) => [entrypoint, &args].concat(),
        (false, _) => [command, args].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod() -> PodFields {
        PodFields {
            name: "web-1".to_owned(),
            namespace: "default".to_owned(),
            uid: "u".to_owned(),
            address: Ipv4Addr::new(10, 88, 0, 2),
            host_address: Ipv4Addr::new(10, 88, 0, 1),
            node: "node".to_owned(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            service_account: "default".to_owned(),
        }
    }

    fn container(json: &str) -> ContainerSpec {
        let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
        value["name"] = "web".into();
        value["image"] = "web".into();
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_reference_to_a_variable_of_the_image_stays_literal() {
        let spec = container(
            r#"{
                "args": ["$(HOME)", "$(OWN)", "$(LATER)"],
                "env": [
                    {"name": "OWN", "value": "$(HOME)-$(LATER)"},
                    {"name": "LATER", "value": "$(OWN)!"}
                ]
            }"#,
        );
        let environment = environment(&["HOME=/root".to_owned()], &spec, &pod()).unwrap();
        let lines = environment.lines();
        for line in [
            "HOME=/root",
            "HOSTNAME=web-1",
            "OWN=$(HOME)-$(LATER)",
            "LATER=$(HOME)-$(LATER)!",
        ] {
            assert!(lines.iter().any(|of| of == line), "{line}: {lines:?}");
        }
        let words = command_line(&["/entry".to_owned()], &[], &spec, &environment);
        assert_eq!(
            words,
            ["/entry", "$(HOME)", "$(HOME)-$(LATER)", "$(HOME)-$(LATER)!"]
        );
    }

    #[test]
    fn an_empty_value_does_not_override_the_source() {
        let spec = container(
            r#"{"env": [{
                "name": "NODE", "value": "", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}
            }]}"#,
        );
        let environment = environment(&[], &spec, &pod()).unwrap();
        assert!(environment.lines().contains(&"NODE=node".to_owned()));
    }
}
