//! Checks a container.

use oci::Reference;

use super::error::CheckError;
use super::probe;
use super::problems::Problems;
use super::security::{seccomp, user_id};
use crate::manifest::container::{EnvSource, FieldRef, ResourceFieldRef};
use crate::manifest::name::is_qualified_name;
use crate::manifest::{
    CapabilityName, ContainerSecurity, ContainerSpec, PodTemplate, Quantity, Resources,
};

pub(super) fn check(
    deployment: &str,
    path: &str,
    spec: &ContainerSpec,
    template: &PodTemplate,
    problems: &mut Problems,
) -> Result<(), CheckError> {
    if spec.image.starts_with("cargo://") {
        return Err(CheckError::Unresolved {
            origin: problems.origin().to_owned(),
            deployment: deployment.to_owned(),
            container: spec.name.to_string(),
            image: spec.image.clone(),
        });
    }
    if let Err(error) = spec.image.parse::<Reference>() {
        problems.add(&format!("{path}.image"), error);
    }
    ports(path, spec, problems);
    for (index, variable) in spec.env.iter().enumerate() {
        if let Some(source) = &variable.value_from {
            let path = format!("{path}.env[{index}].valueFrom");
            let has_value = variable.value.as_ref().is_some_and(|text| !text.is_empty());
            if has_value {
                problems.add(&path, "must not be set together with a value");
            }
            env_source(&path, spec, source, problems);
        }
    }
    volume_mounts(path, spec, template, problems);
    resources(&format!("{path}.resources"), &spec.resources, problems);
    security(
        &format!("{path}.securityContext"),
        &spec.security_context,
        problems,
    );
    probe::check(path, spec, problems);
    Ok(())
}

fn ports(path: &str, spec: &ContainerSpec, problems: &mut Problems) {
    let path_of = |index, field| format!("{path}.ports[{index}].{field}");
    for (index, port) in spec.ports.iter().enumerate() {
        if port.container_port == 0 {
            problems.add(
                &path_of(index, "containerPort"),
                "must be between 1 and 65535",
            );
        }
    }
    let names = spec.ports.iter().enumerate();
    problems.unique(
        names.filter_map(|(index, port)| Some((index, port.name.as_ref()?))),
        |index| path_of(index, "name"),
    );
}

/// Fields of a pod that a variable may refer to (`validEnvDownwardAPIFieldPathExpressions`).
const POD_FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// Resources that a variable may refer to (`validContainerResourceFieldPathExpressions`).
const RESOURCE_FIELDS: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];

fn env_source(path: &str, spec: &ContainerSpec, source: &EnvSource, problems: &mut Problems) {
    match (&source.field_ref, &source.resource_field_ref) {
        (Some(field), None) => field_ref(&format!("{path}.fieldRef"), field, problems),
        (None, Some(resource)) => {
            resource_ref(
                &format!("{path}.resourceFieldRef"),
                spec,
                resource,
                problems,
            );
        }
        _ => problems.add(path, "must have one of fieldRef and resourceFieldRef"),
    }
}

fn field_ref(path: &str, field: &FieldRef, problems: &mut Problems) {
    let keyed = |prefix: &str| {
        field
            .field_path
            .strip_prefix(prefix)?
            .strip_prefix("['")?
            .strip_suffix("']")
    };
    let valid = match (keyed("metadata.labels"), keyed("metadata.annotations")) {
        (Some(key), _) => is_qualified_name(key),
        (_, Some(key)) => is_qualified_name(&key.to_ascii_lowercase()),
        _ => POD_FIELDS.contains(&field.field_path.as_str()),
    };
    if !valid {
        let problem = format!(
            "unknown field `{}`: expected {}, metadata.labels['KEY'] or metadata.annotations['KEY']",
            field.field_path,
            POD_FIELDS.join(", ")
        );
        problems.add(&format!("{path}.fieldPath"), problem);
    }
}

fn resource_ref(
    path: &str,
    spec: &ContainerSpec,
    resource: &ResourceFieldRef,
    problems: &mut Problems,
) {
    if !RESOURCE_FIELDS.contains(&resource.resource.as_str()) {
        let problem = format!(
            "unknown resource `{}`: expected {}",
            resource.resource,
            RESOURCE_FIELDS.join(", ")
        );
        problems.add(&format!("{path}.resource"), problem);
    }
    let other = resource.container_name.as_ref();
    if other.is_some_and(|name| *name != spec.name) {
        problems.add(
            &format!("{path}.containerName"),
            "only the container's own resources are supported here",
        );
    }
    let Some(divisor) = resource.divisor.filter(|divisor| !divisor.is_zero()) else {
        return;
    };
    // `validContainerResourceDivisorFor…`
    let is_cpu = ["limits.cpu", "requests.cpu"].contains(&resource.resource.as_str());
    let units: &[&str] = if is_cpu {
        &["1m", "1"]
    } else {
        &[
            "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
        ]
    };
    if !units.iter().any(|unit| unit.parse() == Ok(divisor)) {
        let problem = format!("expected one of {}", units.join(", "));
        problems.add(&format!("{path}.divisor"), problem);
    }
}

fn volume_mounts(
    path: &str,
    spec: &ContainerSpec,
    template: &PodTemplate,
    problems: &mut Problems,
) {
    let volumes = &template.spec.volumes;
    let path_of = |index, field| format!("{path}.volumeMounts[{index}].{field}");
    for (index, mount) in spec.volume_mounts.iter().enumerate() {
        if !volumes.iter().any(|volume| volume.name == mount.name) {
            let problem = format!("the pod has no volume `{}`", mount.name);
            problems.add(&path_of(index, "name"), problem);
        }
        if mount.mount_path.is_empty() || mount.mount_path.split('/').any(|part| part == "..") {
            problems.add(
                &path_of(index, "mountPath"),
                "must be a path without a component `..`",
            );
        }
    }
    problems.unique(
        spec.volume_mounts
            .iter()
            .map(|mount| &mount.mount_path)
            .enumerate(),
        |index| path_of(index, "mountPath"),
    );
}

fn resources(path: &str, resources: &Resources, problems: &mut Problems) {
    for (list, name, _) in all(resources) {
        let path = format!("{path}.{list}[{name}]");
        match name {
            "cpu" | "memory" => {}
            "ephemeral-storage" => problems.warn(&path, "not enforced"),
            _ if name.contains('/') || name.starts_with("hugepages-") => {
                problems.add(&path, "only cpu and memory are supported here");
            }
            _ => problems.add(&path, "unknown resource: expected cpu or memory"),
        }
    }
    for (name, request) in &resources.requests {
        if let Some(limit) = resources.limits.get(name)
            && request > limit
        {
            let problem = format!("{request} is more than the limit of {limit}");
            problems.add(&format!("{path}.requests[{name}]"), problem);
        }
    }
}

fn all(resources: &Resources) -> impl Iterator<Item = (&'static str, &str, Quantity)> {
    let limits = resources
        .limits
        .iter()
        .map(|(name, quantity)| ("limits", name.as_str(), *quantity));
    let requests = resources
        .requests
        .iter()
        .map(|(name, quantity)| ("requests", name.as_str(), *quantity));
    limits.chain(requests)
}

fn security(path: &str, security: &ContainerSecurity, problems: &mut Problems) {
    user_id(&format!("{path}.runAsUser"), security.run_as_user, problems);
    user_id(
        &format!("{path}.runAsGroup"),
        security.run_as_group,
        problems,
    );
    seccomp(path, security.seccomp_profile.as_ref(), problems);
    if security.privileged == Some(true) {
        let path = format!("{path}.privileged");
        problems.add(&path, "privileged containers are not supported here");
    }
    if security.capabilities.add.contains(&CapabilityName::All) {
        problems.add(
            &format!("{path}.capabilities.add"),
            "ALL is not supported here: name the capabilities that the container needs",
        );
    }
}
