//! The API server's REST API: a client that polls. A list every few tenths of a second costs less
//! than a kubectl process, and needs no cache.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use ship::Kubectl;
use ureq::http::Request;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// The longest response that is read.
const MAX_BODY_BYTES: u64 = 64 << 20;
/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How a patch is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merge {
    /// RFC 7386: lists are replaced.
    Json,
    /// Kubernetes' own: lists of conditions are merged by type.
    Strategic,
}

/// A client with the certificate of a kubeconfig's user.
#[derive(Clone, Debug)]
pub(super) struct Api {
    agent: Agent,
    server: String,
}

impl Api {
    /// The API server of a context.
    pub(super) fn connect(kubectl: &Kubectl) -> Result<Self> {
        let config = kubectl.json(&["config", "view", "--raw", "--minify"])?;
        let cluster = &config["clusters"][0]["cluster"];
        let user = &config["users"][0]["user"];
        let pem = |value: &Value| {
            let text = value
                .as_str()
                .context("the kubeconfig has no certificate data")?;
            Ok::<_, anyhow::Error>(BASE64_STANDARD.decode(text)?)
        };
        let certificate = Certificate::from_pem(&pem(&user["client-certificate-data"])?)?;
        let key = PrivateKey::from_pem(&pem(&user["client-key-data"])?)?;
        let ca = Certificate::from_pem(&pem(&cluster["certificate-authority-data"])?)?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[ca]))
            .client_cert(Some(ClientCert::new_with_certs(&[certificate], key)));
        let server = cluster["server"].as_str();
        Ok(Self {
            agent: Agent::config_builder()
                .timeout_global(Some(TIMEOUT))
                .http_status_as_error(false)
                .tls_config(tls.build())
                .build()
                .into(),
            server: server.context("the kubeconfig has no server")?.to_owned(),
        })
    }

    /// The objects below a path.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Value>> {
        let mut list = self.call("GET", path, "application/json", None)?;
        Ok(match list["items"].take() {
            Value::Array(items) => items,
            _ => Vec::new(),
        })
    }

    /// One object, or a `Status` if there is none.
    pub(super) fn get(&self, path: &str) -> Result<Value> {
        self.call("GET", path, "application/json", None)
    }

    /// Creates an object, unless it exists.
    pub(super) fn create(&self, path: &str, object: &Value) -> Result<()> {
        let created = self.call("POST", path, "application/json", Some(object))?;
        if created["kind"] == "Status" && created["reason"] != "AlreadyExists" {
            bail!("POST {path}: {}", created["message"]);
        }
        Ok(())
    }

    /// Changes an object that may have been deleted meanwhile.
    pub(super) fn patch(&self, path: &str, merge: Merge, change: &Value) -> Result<()> {
        let media_type = match merge {
            Merge::Json => "application/merge-patch+json",
            Merge::Strategic => "application/strategic-merge-patch+json",
        };
        let patched = self.call("PATCH", path, media_type, Some(change))?;
        if patched["kind"] == "Status" && patched["code"] != 404 {
            bail!("PATCH {path}: {}", patched["message"]);
        }
        Ok(())
    }

    /// Deletes an object, if it exists.
    pub(super) fn delete(&self, path: &str) -> Result<()> {
        self.call("DELETE", path, "application/json", None)?;
        Ok(())
    }

    fn call(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header("content-type", media_type);
        let response = match body {
            Some(body) => self.agent.run(request.body(body.to_string())?),
            None => self.agent.run(request.body(())?),
        };
        let mut response: ureq::http::Response<Body> =
            response.with_context(|| format!("{method} {path}"))?;
        let text = response
            .body_mut()
            .with_config()
            .limit(MAX_BODY_BYTES)
            .read_to_string()
            .with_context(|| format!("{method} {path}"))?;
        serde_json::from_str(&text).with_context(|| format!("{method} {path}: {text}"))
    }
}
