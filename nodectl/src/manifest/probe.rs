//! Probes, as in manifests, with Kubernetes' defaults.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::IntOrString;
use super::name::HeaderName;

/// A startup, readiness or liveness probe. A number that is missing or 0 means Kubernetes' default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Sends an HTTP request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HttpGet>,
    /// Opens a TCP connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_socket: Option<TcpSocket>,
    /// Runs a command in the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec: Option<Exec>,
    /// Calls the gRPC health service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<Grpc>,
    /// Seconds from the container's start to the first probe.
    #[serde(default)]
    pub initial_delay_seconds: u32,
    /// Seconds between two probes.
    #[serde(default)]
    pub period_seconds: u32,
    /// The timeout of a probe, in seconds.
    #[serde(default)]
    pub timeout_seconds: u32,
    /// Consecutive successes after which the probe has succeeded.
    #[serde(default)]
    pub success_threshold: u32,
    /// Consecutive failures after which the probe has failed.
    #[serde(default)]
    pub failure_threshold: u32,
    /// Seconds from the stop signal to SIGKILL when this probe's failure restarts the container, instead of
    /// the pod's grace period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_grace_period_seconds: Option<u32>,
}

fn or_default(value: u32, default: u32) -> u32 {
    if value == 0 { default } else { value }
}

fn seconds(value: u32, default: u32) -> Duration {
    Duration::from_secs(or_default(value, default).into())
}

impl Probe {
    /// From the container's start to the first probe.
    pub fn initial_delay(&self) -> Duration {
        Duration::from_secs(self.initial_delay_seconds.into())
    }

    /// The time between two probes, 10 s by default.
    pub fn period(&self) -> Duration {
        seconds(self.period_seconds, 10)
    }

    /// The timeout of a probe, 1 s by default.
    pub fn timeout(&self) -> Duration {
        seconds(self.timeout_seconds, 1)
    }

    /// Consecutive successes after which the probe has succeeded, 1 by default.
    pub fn successes(&self) -> u32 {
        or_default(self.success_threshold, 1)
    }

    /// Consecutive failures after which the probe has failed, 3 by default.
    pub fn failures(&self) -> u32 {
        or_default(self.failure_threshold, 3)
    }
}

/// A probe over HTTP: any status from 200 to 399 is a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpGet {
    /// The path, with its query.
    #[serde(default)]
    pub path: String,
    /// The port's number, or its name in the container.
    pub port: IntOrString,
    /// Whether the connection is encrypted.
    #[serde(default)]
    pub scheme: Scheme,
    /// Another host than the pod's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Further headers.
    #[serde(default)]
    pub http_headers: Vec<HttpHeader>,
}

/// Whether a probe's connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Scheme {
    /// It is not encrypted.
    #[default]
    Http,
    /// It is encrypted; the certificate is not verified, as by the kubelet.
    Https,
}

/// A header of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpHeader {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

/// A probe that opens a TCP connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpSocket {
    /// The port's number, or its name in the container.
    pub port: IntOrString,
    /// Another host than the pod's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A probe that runs a command in the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// The command and its arguments.
    #[serde(default)]
    pub command: Vec<String>,
}

/// A probe of the gRPC health service (`grpc.health.v1.Health/Check`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grpc {
    /// The port's number.
    pub port: u16,
    /// The name of the service to ask about; the whole server by default.
    #[serde(default)]
    pub service: String,
}
