//! Probes: Kubernetes' counting as a plain state machine, and the two ways to ask a pod.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::manifest::{ContainerSpec, HttpGet, HttpHeader, Probe};

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

/// Between two probes that ask whether a container is there at last. Kubernetes asks once
/// a period; here a fast start is not made to wait for the next one. What fails in between does
/// not count, what succeeds does.
const EAGER_FIRST: Duration = Duration::from_millis(20);
const EAGER_LONGEST: Duration = Duration::from_secs(1);

/// Asks forever, and tells each new verdict with its reason.
///
/// `eager` asks more often than once a period until the first success.
pub(super) async fn watch(
    probe: &Probe,
    container: &ContainerSpec,
    address: Ipv4Addr,
    since_start: Duration,
    eager: bool,
    mut tell: impl FnMut(bool, &str) -> bool,
) {
    tokio::time::sleep(probe.initial_delay().saturating_sub(since_start)).await;
    let mut state = ProbeState::new(probe);
    let mut next_counted = tokio::time::Instant::now();
    let mut pause = EAGER_FIRST;
    loop {
        let now = tokio::time::Instant::now();
        let counted = now >= next_counted;
        if counted {
            next_counted = now + probe.period();
        }
        let outcome = ask(probe, container, address).await;
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
async fn ask(probe: &Probe, container: &ContainerSpec, pod: Ipv4Addr) -> Result<(), String> {
    let limit = probe.timeout();
    let late = |_| format!("no answer within {} s", limit.as_secs());
    if let Some(http) = &probe.http_get {
        let target = target(container.port(&http.port), http.host.as_deref(), pod)?;
        timeout(limit, ask_http(http, target)).await.map_err(late)?
    } else if let Some(tcp) = &probe.tcp_socket {
        let target = target(container.port(&tcp.port), tcp.host.as_deref(), pod)?;
        let connected = timeout(limit, TcpStream::connect(target))
            .await
            .map_err(late)?;
        connected
            .map(drop)
            .map_err(|error| format!("{target}: {error}"))
    } else {
        // A probe by command was warned about when the manifest was read.
        Ok(())
    }
}

fn target(port: Option<u16>, host: Option<&str>, pod: Ipv4Addr) -> Result<SocketAddr, String> {
    let port = port.ok_or("the container has no such port")?;
    let host = match host {
        Some(host) => host
            .parse()
            .map_err(|_| format!("host `{host}` is no address"))?,
        None => IpAddr::V4(pod),
    };
    Ok(SocketAddr::new(host, port))
}

/// The most that is read to find the status line.
const STATUS_LINE_BYTES: usize = 64;

async fn ask_http(http: &HttpGet, target: SocketAddr) -> Result<(), String> {
    let failed = |error: io::Error| format!("GET http://{target}{}: {error}", http.path);
    let mut stream = TcpStream::connect(target).await.map_err(failed)?;
    let slash = if http.path.starts_with('/') { "" } else { "/" };
    let mut lines = vec![format!("GET {slash}{} HTTP/1.1", http.path)];
    let is_host = |header: &HttpHeader| header.name.eq_ignore_ascii_case("host");
    if !http.http_headers.iter().any(is_host) {
        lines.push(format!("Host: {target}"));
    }
    lines.push("User-Agent: nodectl-probe\r\nAccept: */*\r\nConnection: close".to_owned());
    lines.extend(
        http.http_headers
            .iter()
            .map(|h| format!("{}: {}", h.name, h.value)),
    );
    let request = lines.join("\r\n") + "\r\n\r\n";
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut answer = Vec::with_capacity(STATUS_LINE_BYTES);
    while answer.len() < STATUS_LINE_BYTES && !answer.contains(&b'\n') {
        if stream.read_buf(&mut answer).await.map_err(failed)? == 0 {
            break;
        }
    }
    match status_code(&answer) {
        Some(200..=399) => Ok(()),
        Some(code) => Err(format!("GET http://{target}{}: status {code}", http.path)),
        None => Err(format!(
            "GET http://{target}{}: the answer is no HTTP",
            http.path
        )),
    }
}

fn status_code(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let rest = line.strip_prefix("HTTP/1.")?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
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
    fn reads_status_lines_only() {
        assert_eq!(status_code(b"HTTP/1.1 204 No Content\r\n"), Some(204));
        assert_eq!(status_code(b"HTTP/1.0 503\r\n"), Some(503));
        assert_eq!(status_code(b"SSH-2.0-x\r\n"), None);
        assert_eq!(status_code(b""), None);
    }
}
