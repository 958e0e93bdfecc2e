//! Checks a container's probes.

use super::problems::Problems;
use crate::manifest::{ContainerSpec, HttpGet, IntOrString, PortName, Probe};

/// `path` is that of the container.
pub(super) fn check(path: &str, container: &ContainerSpec, problems: &mut Problems) {
    let probes = [
        ("startupProbe", &container.startup_probe),
        ("readinessProbe", &container.readiness_probe),
        ("livenessProbe", &container.liveness_probe),
    ];
    for (field, probe) in probes {
        let Some(probe) = probe else {
            continue;
        };
        let path = format!("{path}.{field}");
        handler(&path, container, probe, problems);
        let is_readiness = field == "readinessProbe";
        if !is_readiness && probe.successes() != 1 {
            problems.add(&format!("{path}.successThreshold"), "must be 1");
        }
        let grace = format!("{path}.terminationGracePeriodSeconds");
        match probe.termination_grace_period_seconds {
            Some(_) if is_readiness => {
                problems.add(&grace, "must not be set for a readiness probe");
            }
            Some(0) => problems.add(&grace, "must be greater than 0"),
            _ => {}
        }
    }
}

fn handler(path: &str, container: &ContainerSpec, probe: &Probe, problems: &mut Problems) {
    let handlers = [
        probe.http_get.is_some(),
        probe.tcp_socket.is_some(),
        probe.exec.is_some(),
        probe.grpc.is_some(),
    ];
    if handlers.iter().filter(|is_set| **is_set).count() != 1 {
        return problems.add(path, "must have one of exec, grpc, httpGet and tcpSocket");
    }
    if let Some(http) = &probe.http_get {
        let path = format!("{path}.httpGet");
        port(&format!("{path}.port"), container, &http.port, problems);
        headers(&path, http, problems);
    }
    if let Some(tcp) = &probe.tcp_socket {
        port(
            &format!("{path}.tcpSocket.port"),
            container,
            &tcp.port,
            problems,
        );
    }
    if probe
        .exec
        .as_ref()
        .is_some_and(|exec| exec.command.is_empty())
    {
        problems.add(&format!("{path}.exec.command"), "must not be empty");
    }
    if probe.grpc.as_ref().is_some_and(|grpc| grpc.port == 0) {
        problems.add(&format!("{path}.grpc.port"), "must be between 1 and 65535");
    }
}

fn headers(path: &str, http: &HttpGet, problems: &mut Problems) {
    for (index, header) in http.http_headers.iter().enumerate() {
        let is_plain = |c: char| c == '\t' || !c.is_control();
        if !header.value.chars().all(is_plain) {
            let path = format!("{path}.httpHeaders[{index}].value");
            problems.add(&path, "must not have control characters");
        }
    }
}

/// The kubelet looks up a name when it probes; a missing one would always fail.
fn port(path: &str, container: &ContainerSpec, port: &IntOrString, problems: &mut Problems) {
    port_number_or_name(path, port, problems);
    if let IntOrString::Text(name) = port
        && container.port(port).is_none()
    {
        problems.add(path, format_args!("the container has no port `{name}`"));
    }
}

/// A port's number or the name of a container's port.
pub(super) fn port_number_or_name(path: &str, port: &IntOrString, problems: &mut Problems) {
    match port {
        IntOrString::Int(1..=65535) => {}
        IntOrString::Int(_) => problems.add(path, "must be between 1 and 65535"),
        IntOrString::Text(name) => {
            if let Err(error) = name.parse::<PortName>() {
                problems.add(path, error);
            }
        }
    }
}
