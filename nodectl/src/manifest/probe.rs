//! Probes as manifests write them, with Kubernetes' defaults.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::IntOrString;
use super::name::HeaderName;

/// A startup, readiness or liveness probe. A number that is missing or 0 has Kubernetes' default.
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
    /// Seconds from one probe to the next.
    #[serde(default)]
    pub period_seconds: u32,
    /// Seconds after which a probe has failed.
    #[serde(default)]
    pub timeout_seconds: u32,
    /// Successes in a row that count as one.
    #[serde(default)]
    pub success_threshold: u32,
    /// Failures in a row that count as one.
    #[serde(default)]
    pub failure_threshold: u32,
    /// Seconds from the stop signal to SIGKILL when this probe has the container restarted, instead
    /// of the pod's.
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

    /// From one probe to the next, 10 s by default.
    pub fn period(&self) -> Duration {
        seconds(self.period_seconds, 10)
    }

    /// After this long a probe has failed, 1 s by default.
    pub fn timeout(&self) -> Duration {
        seconds(self.timeout_seconds, 1)
    }

    /// Successes in a row that count as one, 1 by default.
    pub fn successes(&self) -> u32 {
        or_default(self.success_threshold, 1)
    }

    /// Failures in a row that count as one, 3 by default.
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
    /// It is not.
    #[default]
    Http,
    /// It is; the certificate is not verified, as the kubelet does not.
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
