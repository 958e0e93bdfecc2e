//! One probe, by the handler that the manifest names, and within its timeout.

use std::net::Ipv4Addr;

use tokio::time::timeout;

use super::target::Target;
use super::{exec, grpc, http, tcp};
use crate::manifest::{ContainerSpec, Probe};

/// Probes once; the error says why the probe failed.
pub(super) async fn ask(probe: &Probe, target: &Target<'_>) -> Result<(), String> {
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
    let asked = timeout(limit, by_kind(probe, spec, pod));
    asked.await.map_err(late)?
}

async fn by_kind(probe: &Probe, spec: &ContainerSpec, pod: Ipv4Addr) -> Result<(), String> {
    let no_port = "the container has no such port";
    if let Some(http) = &probe.http_get {
        let port = spec.port(&http.port).ok_or(no_port)?;
        http::ask(http, port, pod).await
    } else if let Some(tcp) = &probe.tcp_socket {
        let port = spec.port(&tcp.port).ok_or(no_port)?;
        tcp::ask(tcp, port, pod).await
    } else if let Some(grpc) = &probe.grpc {
        grpc::ask(grpc, pod).await
    } else {
        Err("the probe has no handler".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::play::probe::servers;

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
}
