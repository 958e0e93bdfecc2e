//! Probes: Kubernetes' thresholds as a state machine, and the kubelet's four kinds of probes.

mod exec;
mod grpc;
mod http;
mod output;
#[cfg(test)]
mod servers;
#[cfg(feature = "https-probes")]
mod tls;

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::context::Context;
use crate::manifest::{ContainerSpec, Probe};

/// Counts successes and failures in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeState {
    success_threshold: u32,
    failure_threshold: u32,
    run: u32,
    last: Option<bool>,
    result: Option<bool>,
}

impl ProbeState {
    /// The state of a container that was not probed yet.
    pub fn new(probe: &Probe) -> Self {
        Self {
            success_threshold: probe.successes(),
            failure_threshold: probe.failures(),
            run: 0,
            last: None,
            result: None,
        }
    }

    /// Counts one result; returns the probe's result if it changes.
    pub fn count(&mut self, success: bool) -> Option<bool> {
        self.run = if self.last == Some(success) {
            self.run.saturating_add(1)
        } else {
            1
        };
        self.last = Some(success);
        let threshold = if success {
            self.success_threshold
        } else {
            self.failure_threshold
        };
        if self.run < threshold || self.result == Some(success) {
            return None;
        }
        self.result = Some(success);
        Some(success)
    }

    /// Whether it has not succeeded yet.
    pub fn is_fresh(&self) -> bool {
        self.result != Some(true)
    }
}

/// The container that is probed.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) ctx: &'a Context,
    /// Its ID in containerd.
    pub(super) id: &'a str,
    pub(super) spec: &'a ContainerSpec,
    /// The pod's address.
    pub(super) address: Ipv4Addr,
}

/// The time between two probes until the first success. Kubernetes probes once per period; here a container
/// that starts fast does not have to wait for the next one. Additional failures do not count, successes do.
const EAGER_FIRST: Duration = Duration::from_millis(20);
const EAGER_LONGEST: Duration = Duration::from_secs(1);

/// The outcome of a probe that counts.
pub(super) struct Probed {
    /// The probe's result, if that has changed.
    pub(super) changed: Option<bool>,
    /// Why this one failed, if it did.
    pub(super) failure: Option<String>,
}

/// Probes until `on_probed` returns `false`; it receives each probe that counts.
///
/// `eager` probes more often than once a period until the first success.
pub(super) async fn watch(
    probe: &Probe,
    target: Target<'_>,
    since_start: Duration,
    eager: bool,
    mut on_probed: impl FnMut(Probed) -> bool,
) {
    tokio::time::sleep(probe.initial_delay().saturating_sub(since_start)).await;
    // A command costs a process in the container, and may depend on how often it runs.
    let eager = eager && probe.exec.is_none();
    let mut state = ProbeState::new(probe);
    let mut next_counted = tokio::time::Instant::now();
    let mut pause = EAGER_FIRST;
    loop {
        let now = tokio::time::Instant::now();
        let counted = now >= next_counted;
        if counted {
            next_counted = now + probe.period();
        }
        let outcome = Box::pin(ask(probe, &target)).await;
        if outcome.is_ok() || counted {
            let probed = Probed {
                changed: state.count(outcome.is_ok()),
                failure: outcome.err(),
            };
            if !on_probed(probed) {
                return;
            }
        }
        if eager && state.is_fresh() {
            let until = (tokio::time::Instant::now() + pause).min(next_counted);
            pause = (pause * 2).min(EAGER_LONGEST);
            tokio::time::sleep_until(until).await;
        } else {
            tokio::time::sleep_until(next_counted).await;
        }
    }
}

/// Probes once.
async fn ask(probe: &Probe, target: &Target<'_>) -> Result<(), String> {
    let limit = probe.timeout();
    if let Some(exec) = &probe.exec {
        // It has to kill its process at the timeout.
        return exec::ask(exec, target, limit).await;
    }
    over_network(probe, target.spec, target.address).await
}

/// Probes once over the pod's network.
async fn over_network(probe: &Probe, spec: &ContainerSpec, pod: Ipv4Addr) -> Result<(), String> {
    let limit = probe.timeout();
    let late = |_| format!("no answer within {} s", limit.as_secs());
    let asked = timeout(limit, connect(probe, spec, pod));
    asked.await.map_err(late)?
}

async fn connect(probe: &Probe, spec: &ContainerSpec, pod: Ipv4Addr) -> Result<(), String> {
    let no_port = "the container has no such port";
    if let Some(http) = &probe.http_get {
        let port = spec.port(&http.port).ok_or(no_port)?;
        http::ask(http, port, pod).await
    } else if let Some(tcp) = &probe.tcp_socket {
        let port = spec.port(&tcp.port).ok_or(no_port)?;
        let host = tcp.host.clone().unwrap_or_else(|| pod.to_string());
        let connected = TcpStream::connect((host.as_str(), port)).await;
        connected
            .map(drop)
            .map_err(|error| format!("{host}:{port}: {error}"))
    } else if let Some(grpc) = &probe.grpc {
        grpc::ask(grpc, pod).await
    } else {
        Err("the probe has no handler".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn probe(json: &str, port: u16) -> Result<(), String> {
        let probe: Probe = serde_json::from_str(&json.replace("PORT", &port.to_string())).unwrap();
        let spec = serde_json::from_str(r#"{"name": "web", "image": "web"}"#).unwrap();
        over_network(&probe, &spec, Ipv4Addr::LOCALHOST).await
    }

    #[cfg(feature = "https-probes")]
    #[tokio::test]
    async fn https_accepts_any_certificate_and_checks_the_response() {
        let answering = |response| servers::tls(response);
        let https = r#"{"httpGet": {"port": PORT, "scheme": "HTTPS", "path": "/ready"}}"#;
        let ok = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(probe(https, ok).await, Ok(()));
        // The name is sent as SNI; it need not match the certificate's.
        let named = https.replace("\"path\"", "\"host\": \"localhost\", \"path\"");
        assert_eq!(probe(&named, ok).await, Ok(()));
        let failing = answering("HTTP/1.1 503 Unavailable\r\n\r\n").await;
        let error = probe(https, failing).await.unwrap_err();
        let url = format!("GET https://127.0.0.1:{failing}/ready");
        assert_eq!(error, format!("{url}: status 503"));
        let silent = answering("").await;
        let error = probe(https, silent).await.unwrap_err();
        assert!(error.contains("the answer is not HTTP"), "{error}");
    }

    #[cfg(feature = "https-probes")]
    #[tokio::test]
    async fn https_fails_without_tls() {
        let https = r#"{"httpGet": {"port": PORT, "scheme": "HTTPS"}}"#;
        let plain = servers::plain("HTTP/1.1 200 OK\r\n\r\n").await;
        let error = probe(https, plain).await.unwrap_err();
        assert!(error.contains("https://"), "{error}");
        // And HTTP fails against TLS.
        let tls = servers::tls("HTTP/1.1 200 OK\r\n\r\n").await;
        let http = r#"{"httpGet": {"port": PORT}}"#;
        assert!(probe(http, tls).await.is_err());
    }

    #[tokio::test]
    async fn grpc_asks_for_the_health_of_a_service() {
        let health = servers::health(|service| match service {
            "" | "web" => Ok(1),
            "sick" => Ok(2),
            "odd" => Ok(0),
            _ => Err(5),
        });
        let health = health.await;
        let ask = async |service: &str| {
            let json = format!(r#"{{"grpc": {{"port": PORT, "service": "{service}"}}}}"#);
            probe(&json, health).await
        };
        assert_eq!(probe(r#"{"grpc": {"port": PORT}}"#, health).await, Ok(()));
        assert_eq!(ask("web").await, Ok(()));
        let target = format!("grpc 127.0.0.1:{health}");
        let not_serving = |status| Err(format!("{target}: status {status}, not SERVING"));
        assert_eq!(ask("sick").await, not_serving(2));
        assert_eq!(ask("odd").await, not_serving(0));
        assert_eq!(ask("nosuch").await, Err(format!("{target}: code 5")));
    }

    #[tokio::test]
    async fn grpc_fails_against_another_protocol() {
        let plain = servers::plain("HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let error = probe(r#"{"grpc": {"port": PORT}}"#, plain).await;
        assert!(error.unwrap_err().starts_with("grpc 127.0.0.1:"));
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_fails_the_probe_in_time() {
        let silent = servers::silent().await;
        let mut kinds = vec![
            r#"{"httpGet": {"port": PORT}}"#,
            r#"{"grpc": {"port": PORT}}"#,
        ];
        if cfg!(feature = "https-probes") {
            kinds.push(r#"{"httpGet": {"port": PORT, "scheme": "HTTPS"}}"#);
        }
        for json in kinds {
            let error = probe(json, silent).await.unwrap_err();
            assert_eq!(error, "no answer within 1 s", "{json}");
        }
    }

    #[test]
    fn thresholds_count_in_a_row() {
        let probe: Probe = serde_json::from_str(
            r#"{"httpGet": {"port": 1}, "successThreshold": 2, "failureThreshold": 3}"#,
        )
        .unwrap();
        let mut state = ProbeState::new(&probe);
        let verdicts: Vec<_> = [
            true, false, true, true, true, false, false, true, false, false, false, false,
        ]
        .map(|success| state.count(success))
        .into();
        assert_eq!(verdicts[..4], [None, None, None, Some(true)]);
        assert_eq!(
            verdicts[4..],
            [None, None, None, None, None, None, Some(false), None]
        );
    }

    #[test]
    fn a_threshold_of_0_is_the_default() {
        let probe: Probe =
            serde_json::from_str(r#"{"successThreshold": 0, "failureThreshold": 0}"#).unwrap();
        let mut state = ProbeState::new(&probe);
        let verdicts: Vec<_> = [true, false, false, false].map(|of| state.count(of)).into();
        assert_eq!(verdicts, [Some(true), None, None, Some(false)]);
    }
}
