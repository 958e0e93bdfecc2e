//! Probes: Kubernetes' counting as a plain state machine, and the kubelet's four ways to probe.

mod exec;
mod grpc;
mod http;
#[cfg(feature = "https-probes")]
mod tls;

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::worker::Context;
use crate::manifest::{ContainerSpec, Probe};

/// Counts successes and failures in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeState {
    success_threshold: u32,
    failure_threshold: u32,
    run: u32,
    last: Option<bool>,
    verdict: Option<bool>,
}

impl ProbeState {
    /// Nothing has been asked yet.
    pub fn new(probe: &Probe) -> Self {
        Self {
            success_threshold: probe.successes(),
            failure_threshold: probe.failures(),
            run: 0,
            last: None,
            verdict: None,
        }
    }

    /// Counts one answer; returns the verdict if it is a new one.
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
        if self.run < threshold || self.verdict == Some(success) {
            return None;
        }
        self.verdict = Some(success);
        Some(success)
    }

    /// No success has been counted yet.
    pub fn is_fresh(&self) -> bool {
        self.verdict != Some(true)
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

/// Between two probes that ask whether a container is there at last. Kubernetes asks once
/// a period; here a fast start is not made to wait for the next one. What fails in between does
/// not count, what succeeds does.
const EAGER_FIRST: Duration = Duration::from_millis(20);
const EAGER_LONGEST: Duration = Duration::from_secs(1);

/// Probes until `tell` returns `false`; `tell` gets each new result with its reason.
///
/// `eager` asks more often than once a period until the first success.
pub(super) async fn watch(
    probe: &Probe,
    target: Target<'_>,
    since_start: Duration,
    eager: bool,
    mut tell: impl FnMut(bool, &str) -> bool,
) {
    tokio::time::sleep(probe.initial_delay().saturating_sub(since_start)).await;
    // A command costs a process in the container, and may count how often it runs.
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
        let (success, reason) = match &outcome {
            Ok(()) => (true, String::new()),
            Err(reason) => (false, reason.clone()),
        };
        if (success || counted)
            && let Some(verdict) = state.count(success)
            && !tell(verdict, &reason)
        {
            return;
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

/// Asks once.
async fn ask(probe: &Probe, target: &Target<'_>) -> Result<(), String> {
    let limit = probe.timeout();
    if let Some(exec) = &probe.exec {
        // It has to end its process itself when the time is over.
        return exec::ask(exec, target, limit).await;
    }
    let late = |_| format!("no answer within {} s", limit.as_secs());
    timeout(limit, connect(probe, target)).await.map_err(late)?
}

async fn connect(probe: &Probe, target: &Target<'_>) -> Result<(), String> {
    let pod = target.address;
    let no_port = "the container has no such port";
    if let Some(http) = &probe.http_get {
        let port = target.spec.port(&http.port).ok_or(no_port)?;
        http::ask(http, port, pod).await
    } else if let Some(tcp) = &probe.tcp_socket {
        let port = target.spec.port(&tcp.port).ok_or(no_port)?;
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
