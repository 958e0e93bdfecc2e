//! Probes as manifests write them, with Kubernetes' defaults.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::IntOrString;

/// A startup, readiness or liveness probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// Asks over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HttpGet>,
    /// Opens a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_socket: Option<TcpSocket>,
    /// Runs a command in the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<Exec>,
    /// Seconds from the container's start to the first probe.
    #[serde(default)]
    pub initial_delay_seconds: u32,
    /// Seconds from one probe to the next.
    #[serde(default = "ten")]
    pub period_seconds: u32,
    /// Seconds after which a probe has failed.
    #[serde(default = "one")]
    pub timeout_seconds: u32,
    /// Successes in a row that count as one.
    #[serde(default = "one")]
    pub success_threshold: u32,
    /// Failures in a row that count as one.
    #[serde(default = "three")]
    pub failure_threshold: u32,
}

fn one() -> u32 {
    1
}

fn three() -> u32 {
    3
}

fn ten() -> u32 {
    10
}

impl Probe {
    /// From the container's start to the first probe.
    pub fn initial_delay(&self) -> Duration {
        Duration::from_secs(self.initial_delay_seconds.into())
    }

    /// From one probe to the next; 0 means the default, as in Kubernetes.
    pub fn period(&self) -> Duration {
        let seconds = if self.period_seconds == 0 {
            ten()
        } else {
            self.period_seconds
        };
        Duration::from_secs(seconds.into())
    }

    /// After this long a probe has failed.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.max(1).into())
    }
}

/// A probe over HTTP: any status from 200 to 399 is a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpGet {
    /// The path, with its query.
    #[serde(default = "root")]
    pub path: String,
    /// The port's number, or its name in the container.
    pub port: IntOrString,
    /// `HTTP` or `HTTPS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Another host than the pod's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Further headers.
    #[serde(default)]
    pub http_headers: Vec<HttpHeader>,
}

fn root() -> String {
    "/".to_owned()
}

/// A header of a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A probe that opens a TCP connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpSocket {
    /// The port's number, or its name in the container.
    pub port: IntOrString,
    /// Another host than the pod's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A probe that runs a command in the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// The command and its arguments.
    pub command: Vec<String>,
}
