//! Checks manifests as a whole, before anything is made: selectors, ports, images, and what one
//! machine cannot do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use oci::{Digest, Reference, ReferenceError};
use serde_json::Value;

use super::workload::Strategy;
use super::{
    ContainerSpec, Deployment, IntOrString, Objects, PodTemplate, Probe, Service, Warning,
};

/// What is to run.
#[derive(Clone, Debug, Default)]
pub struct Desired {
    /// Groups of pods.
    pub deployments: Vec<DesiredDeployment>,
    /// What is in front of them.
    pub services: Vec<DesiredService>,
}

/// A group of equal pods.
#[derive(Clone, Debug)]
pub struct DesiredDeployment {
    /// Its namespace in the manifests' sense.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How many pods.
    pub replicas: u32,
    /// Pods above `replicas` during an update.
    pub max_surge: u32,
    /// Pods below `replicas` during an update.
    pub max_unavailable: u32,
    /// Old pods all go before the first new one is made.
    pub recreate: bool,
    /// How long a pod must be ready to count as available.
    pub min_ready: Duration,
    /// What its pods are made from.
    pub template: PodTemplate,
    /// Identifies the template: 10 hex digits.
    pub hash: String,
}

/// Something in front of pods.
#[derive(Clone, Debug)]
pub struct DesiredService {
    /// Its namespace in the manifests' sense.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// It is to be reached from outside (`type: LoadBalancer`).
    pub external: bool,
    /// Labels of the pods behind it.
    pub selector: BTreeMap<String, String>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
}

impl DesiredService {
    /// Whether pods with these labels are behind it.
    pub fn selects(&self, namespace: &str, labels: &BTreeMap<String, String>) -> bool {
        !self.selector.is_empty()
            && self.namespace == namespace
            && self
                .selector
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Its number.
    pub port: u16,
    /// The pods' port.
    pub target: IntOrString,
}

/// Manifests that cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// There is nothing to run.
    #[error("the manifests have no Deployment")]
    Nothing,
    /// Two objects have one name.
    #[error("{kind} `{name}` is there twice")]
    Twice {
        /// Their kind.
        kind: &'static str,
        /// Their name.
        name: String,
    },
    /// A field has a value that it cannot have.
    #[error("{object}: {field}: {problem}")]
    Field {
        /// The object.
        object: String,
        /// The field's path.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// A Deployment would not own its own pods.
    #[error(
        "Deployment `{name}`: spec.selector does not match the labels of spec.template ({labels})"
    )]
    Selector {
        /// The Deployment.
        name: String,
        /// Its template's labels.
        labels: String,
    },
    /// A Service has nothing behind it.
    #[error("Service `{name}`: spec.selector ({selector}) selects the pods of no Deployment")]
    NoEndpoints {
        /// The Service.
        name: String,
        /// Its selector.
        selector: String,
    },
    /// An image is named by the package it is to be built from.
    #[error("Deployment `{deployment}`: container `{container}`: image `{image}` is not resolved")]
    Unresolved {
        /// The Deployment.
        deployment: String,
        /// The container.
        container: String,
        /// The image's name.
        image: String,
    },
    /// An image's name cannot be one.
    #[error("Deployment `{deployment}`: container `{container}`")]
    Image {
        /// The Deployment.
        deployment: String,
        /// The container.
        container: String,
        /// What is wrong with it.
        #[source]
        source: ReferenceError,
    },
}

/// More pods than this on one machine are a mistake; the kubelet's own limit is 110.
const MAX_REPLICAS: u32 = 110;

/// Checks the objects against each other.
///
/// # Errors
/// As [`CheckError`]; the first one found.
pub fn check(objects: &Objects) -> Result<(Desired, Vec<Warning>), CheckError> {
    let mut warnings = Vec::new();
    let mut desired = Desired::default();
    let mut names = BTreeSet::new();
    for (raw, template) in &objects.deployments {
        let deployment = deployment(raw, template, &mut warnings)?;
        if !names.insert((
            "Deployment",
            deployment.namespace.clone(),
            deployment.name.clone(),
        )) {
            return Err(CheckError::Twice {
                kind: "Deployment",
                name: deployment.name,
            });
        }
        desired.deployments.push(deployment);
    }
    if desired.deployments.is_empty() {
        return Err(CheckError::Nothing);
    }
    for raw in &objects.services {
        if raw.spec.selector.is_empty() {
            let name = &raw.metadata.name;
            warnings.push(Warning(format!(
                "Service `{name}` is ignored: it has no selector"
            )));
            continue;
        }
        let service = service(raw, &desired.deployments)?;
        if !names.insert(("Service", service.namespace.clone(), service.name.clone())) {
            return Err(CheckError::Twice {
                kind: "Service",
                name: service.name,
            });
        }
        desired.services.push(service);
    }
    Ok((desired, warnings))
}

fn namespace(raw: Option<&String>) -> String {
    raw.filter(|name| !name.is_empty())
        .cloned()
        .unwrap_or_else(|| "default".to_owned())
}

fn deployment(
    raw: &Deployment,
    template: &Value,
    warnings: &mut Vec<Warning>,
) -> Result<DesiredDeployment, CheckError> {
    let name = raw.metadata.name.clone();
    let spec = &raw.spec;
    let field = Field {
        object: format!("Deployment `{name}`"),
    };
    field.name("metadata.name", &name)?;
    if let Some(namespace) = &raw.metadata.namespace {
        field.name("metadata.namespace", namespace)?;
    }
    let labels = &spec.template.metadata.labels;
    if spec.selector.is_empty() {
        return field.wrong("spec.selector", "it selects nothing");
    }
    if !spec.selector.matches(labels) {
        return Err(CheckError::Selector {
            name,
            labels: list(labels),
        });
    }
    if spec.replicas > MAX_REPLICAS {
        return field.wrong(
            "spec.replicas",
            "more than 110 pods do not fit on one machine",
        );
    }
    let (max_surge, max_unavailable) = bounds(&field, &spec.strategy, spec.replicas)?;
    pod(&field, &name, &spec.template, warnings)?;
    let canonical = oci::image::canonical(template);
    let hash = Digest::of(&canonical).hex()[..10].to_owned();
    Ok(DesiredDeployment {
        namespace: namespace(raw.metadata.namespace.as_ref()),
        name,
        replicas: spec.replicas,
        max_surge,
        max_unavailable,
        recreate: spec.strategy.kind.as_deref() == Some("Recreate"),
        min_ready: Duration::from_secs(spec.min_ready_seconds.into()),
        template: spec.template.clone(),
        hash,
    })
}

/// Surge and unavailability as the Deployment controller resolves them: 25% each by default, surge
/// rounded up, the other down.
fn bounds(field: &Field, strategy: &Strategy, replicas: u32) -> Result<(u32, u32), CheckError> {
    match strategy.kind.as_deref() {
        Some("Recreate") => return Ok((0, replicas.max(1))),
        None | Some("RollingUpdate") => {}
        Some(_) => return field.wrong("spec.strategy.type", "RollingUpdate and Recreate exist"),
    }
    let quarter = || IntOrString::Text("25%".to_owned());
    let rolling = strategy.rolling_update.clone().unwrap_or_default();
    let surge = rolling.max_surge.unwrap_or_else(quarter);
    let unavailable = rolling.max_unavailable.unwrap_or_else(quarter);
    let path = "spec.strategy.rollingUpdate";
    let count = |value: &IntOrString, round_up| {
        value.of(replicas, round_up).ok_or_else(|| {
            let problem = format!("`{value}` is neither a count nor a percentage");
            field.error(path, &problem)
        })
    };
    match (count(&surge, true)?, count(&unavailable, false)?) {
        (0, 0)
            if [&surge, &unavailable]
                .iter()
                .all(|v| ["0", "0%"].contains(&&*v.to_string())) =>
        {
            field.wrong(path, "maxSurge and maxUnavailable cannot both be 0")
        }
        (0, 0) => Ok((0, 1)),
        both => Ok(both),
    }
}

fn pod(
    field: &Field,
    deployment: &str,
    template: &PodTemplate,
    warnings: &mut Vec<Warning>,
) -> Result<(), CheckError> {
    let spec = &template.spec;
    let at = "spec.template.spec";
    if spec.containers.is_empty() {
        return field.wrong(&format!("{at}.containers"), "a pod needs a container");
    }
    if !spec.init_containers.is_empty() {
        return field.wrong(&format!("{at}.initContainers"), "not supported here");
    }
    if spec.host_network {
        return field.wrong(&format!("{at}.hostNetwork"), "not supported here");
    }
    if spec
        .restart_policy
        .as_deref()
        .is_some_and(|policy| policy != "Always")
    {
        return field.wrong(
            &format!("{at}.restartPolicy"),
            "a Deployment's can only be Always",
        );
    }
    for volume in &spec.volumes {
        if volume.empty_dir.is_none() {
            let path = format!("{at}.volumes[{}]", volume.name);
            return field.wrong(&path, "only emptyDir volumes are supported here");
        }
    }
    let mut names = BTreeSet::new();
    for spec in &spec.containers {
        let path = format!("{at}.containers[{}]", spec.name);
        field.name(&path, &spec.name)?;
        if !names.insert(&spec.name) {
            return field.wrong(&path, "the name is there twice");
        }
        container(field, deployment, &path, spec, template, warnings)?;
    }
    Ok(())
}

fn container(
    field: &Field,
    deployment: &str,
    path: &str,
    spec: &ContainerSpec,
    template: &PodTemplate,
    warnings: &mut Vec<Warning>,
) -> Result<(), CheckError> {
    if spec.image.starts_with("cargo://") {
        return Err(CheckError::Unresolved {
            deployment: deployment.to_owned(),
            container: spec.name.clone(),
            image: spec.image.clone(),
        });
    }
    spec.image
        .parse::<Reference>()
        .map_err(|source| CheckError::Image {
            deployment: deployment.to_owned(),
            container: spec.name.clone(),
            source,
        })?;
    if spec.security_context.privileged == Some(true) {
        return field.wrong(
            &format!("{path}.securityContext.privileged"),
            "not supported here",
        );
    }
    let volumes = &template.spec.volumes;
    for mount in &spec.volume_mounts {
        let path = format!("{path}.volumeMounts[{}]", mount.name);
        if !volumes.iter().any(|volume| volume.name == mount.name) {
            return field.wrong(&path, "the pod has no such volume");
        }
        if !mount.mount_path.starts_with('/') || mount.mount_path.split('/').any(|p| p == "..") {
            return field.wrong(&path, "mountPath is no absolute path");
        }
    }
    for variable in &spec.env {
        let path = format!("{path}.env[{}]", variable.name);
        if let Some(source) = &variable.value_from
            && source.field_ref.is_none()
            && source.resource_field_ref.is_none()
        {
            return field.wrong(
                &path,
                "only fieldRef and resourceFieldRef are supported here",
            );
        }
    }
    let probes = [
        ("startupProbe", &spec.startup_probe),
        ("readinessProbe", &spec.readiness_probe),
        ("livenessProbe", &spec.liveness_probe),
    ];
    for (name, probe) in probes {
        if let Some(probe) = probe {
            check_probe(field, &format!("{path}.{name}"), spec, probe, warnings)?;
        }
    }
    Ok(())
}

fn check_probe(
    field: &Field,
    path: &str,
    container: &ContainerSpec,
    probe: &Probe,
    warnings: &mut Vec<Warning>,
) -> Result<(), CheckError> {
    let port = match (&probe.http_get, &probe.tcp_socket, &probe.exec) {
        (Some(http), None, None) => {
            if http
                .scheme
                .as_deref()
                .is_some_and(|scheme| scheme != "HTTP")
            {
                return field.wrong(
                    &format!("{path}.httpGet.scheme"),
                    "only HTTP is supported here",
                );
            }
            &http.port
        }
        (None, Some(tcp), None) => &tcp.port,
        (None, None, Some(_)) => {
            let object = &field.object;
            let text = format!("{object}: {path}.exec is not run here and counts as passed");
            warnings.push(Warning(text));
            return Ok(());
        }
        _ => return field.wrong(path, "it needs one of httpGet, tcpSocket and exec"),
    };
    if container.port(port).is_none() {
        return field.wrong(path, &format!("the container has no port `{port}`"));
    }
    Ok(())
}

impl ContainerSpec {
    /// The number that a port's number or name stands for in this container.
    pub fn port(&self, port: &IntOrString) -> Option<u16> {
        match port {
            IntOrString::Int(number) => u16::try_from(*number).ok().filter(|port| *port > 0),
            IntOrString::Text(name) => self
                .ports
                .iter()
                .find(|port| port.name.as_ref() == Some(name))
                .map(|port| port.container_port),
        }
    }
}

impl PodTemplate {
    /// The number that a port's number or name stands for in these pods.
    pub fn port(&self, port: &IntOrString) -> Option<u16> {
        self.spec
            .containers
            .iter()
            .find_map(|container| container.port(port))
    }
}

fn service(raw: &Service, deployments: &[DesiredDeployment]) -> Result<DesiredService, CheckError> {
    let name = raw.metadata.name.clone();
    let field = Field {
        object: format!("Service `{name}`"),
    };
    field.name("metadata.name", &name)?;
    let mut service = DesiredService {
        namespace: namespace(raw.metadata.namespace.as_ref()),
        name: name.clone(),
        external: raw.spec.kind.as_deref() == Some("LoadBalancer"),
        selector: raw.spec.selector.clone(),
        ports: Vec::new(),
    };
    let behind: Vec<_> = deployments
        .iter()
        .filter(|of| service.selects(&of.namespace, &of.template.metadata.labels))
        .collect();
    if behind.is_empty() {
        return Err(CheckError::NoEndpoints {
            name,
            selector: list(&service.selector),
        });
    }
    if raw.spec.ports.is_empty() {
        return field.wrong("spec.ports", "a Service needs a port");
    }
    for port in &raw.spec.ports {
        let path = format!("spec.ports[{}]", port.port);
        if port
            .protocol
            .as_deref()
            .is_some_and(|protocol| protocol != "TCP")
        {
            return field.wrong(&path, "only TCP is supported here");
        }
        let target = port
            .target_port
            .clone()
            .unwrap_or(IntOrString::Int(port.port.into()));
        for deployment in &behind {
            if deployment.template.port(&target).is_none() {
                let problem = format!("Deployment `{}` has no port `{target}`", deployment.name);
                return field.wrong(&format!("{path}.targetPort"), &problem);
            }
        }
        service.ports.push(ServicePort {
            port: port.port,
            target,
        });
    }
    Ok(service)
}

fn list(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if pairs.is_empty() {
        "none".to_owned()
    } else {
        pairs.join(", ")
    }
}

/// Makes errors about fields of one object.
struct Field {
    object: String,
}

impl Field {
    fn error(&self, path: &str, problem: &str) -> CheckError {
        let (object, field, problem) = (self.object.clone(), path.to_owned(), problem.to_owned());
        CheckError::Field {
            object,
            field,
            problem,
        }
    }

    fn wrong<T>(&self, path: &str, problem: &str) -> Result<T, CheckError> {
        Err(self.error(path, problem))
    }

    /// A DNS label (RFC 1123), as names of objects must be; they end up in paths and in file names.
    fn name(&self, path: &str, name: &str) -> Result<(), CheckError> {
        let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let valid = (1..=63).contains(&name.len())
            && name.bytes().all(inner)
            && !name.starts_with('-')
            && !name.ends_with('-');
        if valid {
            Ok(())
        } else {
            self.wrong(path, &format!("`{name}` is no DNS label"))
        }
    }
}
