//! Environment, command and arguments, with the downward API.
//!
//! <https://kubernetes.io/docs/concepts/workloads/pods/downward-api/>

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::manifest::{ContainerSpec, EnvSource, expand};

/// What the downward API can tell of a pod.
#[derive(Clone, Debug)]
pub struct PodFields {
    /// Its name.
    pub name: String,
    /// Its namespace in the manifests' sense.
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
            // A label that is not there is an empty text.
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

/// The container's variables (the image's, then its own) as `NAME=value`, in order.
///
/// The error is a field path that does not exist.
pub(super) fn environment(
    image: &[String],
    container: &ContainerSpec,
    pod: &PodFields,
) -> Result<Vec<(String, String)>, String> {
    let mut variables: Vec<(String, String)> = Vec::new();
    if !image.iter().any(|variable| variable.starts_with("PATH=")) {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        variables.push(("PATH".to_owned(), path.to_owned()));
    }
    variables.push(("HOSTNAME".to_owned(), pod.name.clone()));
    for variable in image {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        set(&mut variables, name, value.to_owned());
    }
    for variable in &container.env {
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), _) => expand(value, |name| get(&variables, name)),
            (None, Some(source)) => from_source(source, container, pod)?,
            (None, None) => String::new(),
        };
        set(&mut variables, &variable.name, value);
    }
    Ok(variables)
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

/// The command line: the container's command and arguments in place of the image's, as Kubernetes
/// combines them.
pub(super) fn command_line(
    entrypoint: &[String],
    cmd: &[String],
    container: &ContainerSpec,
    variables: &[(String, String)],
) -> Vec<String> {
    let expanded = |words: &[String]| {
        words
            .iter()
            .map(|word| expand(word, |name| get(variables, name)))
            .collect::<Vec<_>>()
    };
    let (command, args) = (expanded(&container.command), expanded(&container.args));
    match (command.is_empty(), args.is_empty()) {
        (true, true) => [entrypoint, cmd].concat(),
        (true, false) => [entrypoint, &args].concat(),
        (false, _) => [command, args].concat(),
    }
}
