//! Failures of a smoke test.

use std::path::PathBuf;
use std::time::Duration;

use cli::{Exit, ExitError};
use thiserror::Error;

/// Why a smoke test failed.
#[derive(Debug, Error)]
pub(crate) enum SmokeError {
    /// Not a URL that can be tested.
    #[error("invalid URL `{0}`: expected http://HOST/ or https://HOST/")]
    Url(String),
    /// The CA file cannot be used.
    #[error("cannot read the CA certificates in {}", path.display())]
    Ca {
        path: PathBuf,
        source: std::io::Error,
    },
    /// No connection, no complete response, or no valid certificate.
    #[error("no answer from {url}")]
    NoAnswer { url: String, source: ureq::Error },
    /// An unexpected response.
    #[error("{url}: {problem}")]
    Answer { url: String, problem: String },
    /// No response to a request from a pod.
    #[error("no answer from {url} to a pod in the cluster: {problem}")]
    Inside { url: String, problem: String },
    /// The service's image has no TLS client.
    #[error("a test from a pod cannot check a certificate, and the load balancer terminates TLS")]
    InsideTls,
    /// Pods that did not answer.
    #[error("{url}: no answer from {missing} within {}s; answered: {answered}", after.as_secs())]
    Pods {
        url: String,
        missing: String,
        answered: String,
        after: Duration,
    },
}

impl ExitError for SmokeError {
    fn exit(&self) -> Exit {
        match self {
            Self::Url(_) | Self::Ca { .. } | Self::InsideTls => Exit::Usage,
            Self::NoAnswer { .. }
            | Self::Answer { .. }
            | Self::Inside { .. }
            | Self::Pods { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            // `invalid peer certificate: UnknownIssuer`, by rustls.
            Self::NoAnswer { source, .. } if source.to_string().contains("certificate") => Some(
                "the certificate has to cover the host name, and be signed by a public CA or by \
                 one in --service-ca (SERVICE_CA=)"
                    .to_owned(),
            ),
            Self::Pods { .. } => Some(
                "the load balancer does not send to them: see its target group's health".to_owned(),
            ),
            Self::InsideTls => Some(
                "--test-from here (TEST_FROM=here), on a machine that reaches the VPC".to_owned(),
            ),
            Self::Inside { .. } => Some(
                "security groups, NetworkPolicies of others, or the load balancer's targets"
                    .to_owned(),
            ),
            Self::Url(_) | Self::Ca { .. } | Self::NoAnswer { .. } | Self::Answer { .. } => None,
        }
    }
}
