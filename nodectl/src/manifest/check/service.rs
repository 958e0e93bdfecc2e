//! Checks a Service.

use super::probe::port_number_or_name;
use super::problems::Problems;
use crate::manifest::container::Protocol;
use crate::manifest::workload::ServiceType;
use crate::manifest::{DesiredDeployment, DesiredService, IntOrString, Service, ServicePort};

/// The annotation that filters clients by address, beside `spec.loadBalancerSourceRanges`.
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

/// A Service that forwards nothing has no ports in the result.
pub(super) fn check(
    raw: &Service,
    deployments: &[DesiredDeployment],
    problems: &mut Problems,
) -> DesiredService {
    let spec = &raw.spec;
    let mut service = DesiredService {
        namespace: raw.metadata.namespace_or_default().to_owned(),
        name: raw.metadata.name.to_string(),
        external: spec.kind == ServiceType::LoadBalancer,
        selector: spec
            .selector
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
        ports: Vec::new(),
    };
    if raw.metadata.annotations.contains_key(SOURCE_RANGES) {
        problems.add(
            &format!("metadata.annotations[{SOURCE_RANGES}]"),
            "client addresses are not filtered here",
        );
    }
    let headless = spec.cluster_ip.as_deref() == Some("None");
    let is_name = spec.kind == ServiceType::ExternalName;
    if headless && matches!(spec.kind, ServiceType::LoadBalancer | ServiceType::NodePort) {
        problems.add(
            "spec.clusterIP",
            "must not be None for the types LoadBalancer and NodePort",
        );
    }
    if spec.ports.is_empty() && !headless && !is_name {
        problems.add("spec.ports", "at least one port is required");
    }
    let forwards = !is_name && !headless;
    ports(raw, forwards, problems);
    if !forwards {
        let path = if is_name {
            "spec.type"
        } else {
            "spec.clusterIP"
        };
        problems.warn(path, "ignored: Services have no names here");
        return service;
    }
    if service.selector.is_empty() {
        problems.warn("spec.selector", "empty, so no pod is behind it");
        return service;
    }
    let behind: Vec<_> = deployments
        .iter()
        .filter(|of| {
            let labels = of.template.metadata.labels.iter();
            let labels = labels.map(|(key, value)| (key.to_string(), value.to_string()));
            service.selects(&of.namespace, &labels.collect())
        })
        .collect();
    if behind.is_empty() {
        problems.warn("spec.selector", "matches the pods of no Deployment");
    }
    for (index, port) in spec.ports.iter().enumerate() {
        let path = format!("spec.ports[{index}].targetPort");
        let target = port
            .target_port
            .clone()
            .unwrap_or(IntOrString::Int(port.port.into()));
        for deployment in &behind {
            if deployment.template.port(&target).is_none() {
                let text = format!("Deployment `{}` has no port `{target}`", deployment.name);
                problems.warn(&path, text);
            }
        }
        service.ports.push(ServicePort {
            port: port.port,
            target,
        });
    }
    service
}

fn ports(raw: &Service, forwards: bool, problems: &mut Problems) {
    let ports = &raw.spec.ports;
    let path_of = |index| format!("spec.ports[{index}]");
    for (index, port) in ports.iter().enumerate() {
        let path = path_of(index);
        if port.port == 0 {
            problems.add(&format!("{path}.port"), "must be between 1 and 65535");
        }
        if port.protocol != Protocol::Tcp {
            let (path, problem) = (format!("{path}.protocol"), "only TCP is supported here");
            if forwards {
                problems.add(&path, problem);
            } else {
                problems.warn(&path, problem);
            }
        }
        if port.name.is_none() && ports.len() > 1 {
            problems.add(
                &format!("{path}.name"),
                "required, since there are several ports",
            );
        }
        if let Some(target) = &port.target_port {
            port_number_or_name(&format!("{path}.targetPort"), target, problems);
        }
    }
    let names = ports.iter().enumerate();
    problems.unique(
        names.filter_map(|(index, port)| Some((index, port.name.as_ref()?))),
        |index| format!("{}.name", path_of(index)),
    );
    let numbers = ports.iter().map(|port| (port.protocol, port.port));
    let numbers = numbers.map(|(protocol, port)| format!("{port}/{protocol}"));
    problems.unique(numbers.enumerate(), |index| {
        format!("{}.port", path_of(index))
    });
}
