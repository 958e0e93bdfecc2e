//! The HTTP client of the exporter: `ureq`, which blocks the exporter's thread.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};

use crate::build_info;

/// How long one attempt may take in all.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes of a collector's response that are read.
const MAX_RESPONSE_BYTES: u64 = 64 * 1024;

/// Sends requests, and keeps the cause of the last failure, which the exporter leaves out of its
/// error.
#[derive(Clone, Debug)]
pub(super) struct Client {
    agent: ureq::Agent,
    cause: Arc<Mutex<Option<String>>>,
}

impl Client {
    pub(super) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .user_agent(format!("rust-k8s-app/{}", build_info::VERSION))
            .build();
        Self {
            agent: config.into(),
            cause: Arc::default(),
        }
    }

    /// Why the last attempt failed, if there was no response.
    pub(super) fn take_cause(&self) -> Option<String> {
        let mut cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        cause.take()
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, body.to_vec());
        let (head, mut body) = self.agent.run(request)?.into_parts();
        let body = body.with_config().limit(MAX_RESPONSE_BYTES).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let result = self.send(request);
        let mut cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        *cause = result.as_ref().err().map(ToString::to_string);
        Ok(result?)
    }
}
