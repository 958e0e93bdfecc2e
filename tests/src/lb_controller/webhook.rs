//! The webhook that adds readiness gates to pods when they are created. The API server calls it for
//! the namespaces with the label, and it adds the gate of each target group that exists by then: the
//! first pods of a new Service get none.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// A target group, as far as pods are concerned.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Binding {
    pub(super) namespace: String,
    /// The selector of the Service.
    pub(super) selector: Value,
    /// The condition that its pods wait for.
    pub(super) condition: String,
}

/// The target groups that exist.
pub(super) type Bindings = Arc<Mutex<Vec<Binding>>>;

/// The server. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Webhook {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Webhook {
    pub(super) fn start(config: Arc<ServerConfig>, bindings: Bindings) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (config, bindings) = (Arc::clone(&config), Arc::clone(&bindings));
                // The API server keeps connections; each thread returns when it closes its own.
                std::thread::spawn(move || serve(stream, config, &bindings));
            }
        });
        Ok(Self {
            address,
            stopped,
            thread: Some(thread),
        })
    }

    pub(super) fn url(&self) -> String {
        format!("https://{}/mutate-v1-pod", self.address)
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers the requests of one connection. The API server reports failed ones.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, bindings: &Bindings) -> Option<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(config).ok()?, stream);
    let mut received = Vec::new();
    loop {
        let body = read_body(&mut stream, &mut received)?;
        let review: Value = serde_json::from_slice(&body).ok()?;
        let bindings = bindings.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answer(&review["request"], &bindings).to_string();
        drop(bindings);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(answer.as_bytes()).ok()?;
        stream.flush().ok()?;
    }
}

/// The body of the next request; `None` when the connection is closed.
fn read_body(stream: &mut impl std::io::Read, received: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut buffer = [0; 16 * 1024];
    loop {
        let head = received.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = head.map(|at| at + 4) {
            let text = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))?;
            let length: usize = length.trim().parse().ok()?;
            if received.len() >= end + length {
                let rest = received.split_off(end + length);
                let body = received.split_off(end);
                *received = rest;
                return Some(body);
            }
        }
        match stream.read(&mut buffer).ok()? {
            0 => return None,
            count => received.extend(&buffer[..count]),
        }
    }
}

/// The answer to the request to create a pod.
fn answer(request: &Value, bindings: &[Binding]) -> Value {
    let pod = &request["object"];
    let gates: Vec<_> = bindings
        .iter()
        .filter(|binding| request["namespace"] == binding.namespace.as_str())
        .filter(|binding| selects(&binding.selector, &pod["metadata"]["labels"]))
        .map(|binding| json!({"conditionType": binding.condition}))
        .collect();
    let mut response = json!({"uid": request["uid"], "allowed": true});
    if !gates.is_empty() {
        let patch = json!([{"op": "add", "path": "/spec/readinessGates", "value": gates}]);
        response["patchType"] = json!("JSONPatch");
        response["patch"] = json!(BASE64_STANDARD.encode(patch.to_string()));
    }
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object();
    selector.is_some_and(|pairs| pairs.iter().all(|(name, value)| labels[name] == *value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_gets_a_gate_only_once_its_target_group_exists() {
        let request = json!({"uid": "1", "namespace": "ns", "object": {"metadata": {
            "labels": {"app": "web", "pod-template-hash": "x"}}}});
        let before = answer(&request, &[]);
        assert_eq!(before["response"], json!({"uid": "1", "allowed": true}));
        let binding = |namespace: &str, app: &str| Binding {
            namespace: namespace.to_owned(),
            selector: json!({"app": app}),
            condition: format!("target-health/{app}"),
        };
        let others = [binding("other", "web"), binding("ns", "api")];
        assert_eq!(answer(&request, &others), before);
        let after = answer(&request, &[binding("ns", "web")]);
        let patch = after["response"]["patch"].as_str().unwrap();
        let patch: Value = serde_json::from_slice(&BASE64_STANDARD.decode(patch).unwrap()).unwrap();
        assert_eq!(
            patch,
            json!([{"op": "add", "path": "/spec/readinessGates",
                "value": [{"conditionType": "target-health/web"}]}])
        );
    }
}
