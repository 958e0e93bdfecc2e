//! The errors of a container engine.

use std::io;

use oci::{Mismatch, Reference};

use super::host::Host;

/// Why a request to an engine failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("cannot use DOCKER_HOST `{host}`: {problem}")]
    Host { host: String, problem: &'static str },
    #[error("cannot reach the container engine at {host}")]
    Unreachable {
        host: Host,
        #[source]
        source: ureq::Error,
    },
    #[error("the container engine at {host} responded with {status} to {request}: {message}")]
    Status {
        host: Host,
        request: &'static str,
        status: u16,
        message: String,
    },
    #[error("the container engine at {host} has no image `{reference}`")]
    NoSuchImage {
        host: Host,
        reference: Box<Reference>,
    },
    /// It started to load an image, and then refused it.
    #[error("the container engine at {host} cannot load the image: {message}")]
    Load { host: Host, message: String },
    #[error("cannot read the response of the container engine at {host}")]
    Read {
        host: Host,
        #[source]
        source: io::Error,
    },
    #[error("cannot send the image to the container engine at {host}")]
    Damaged {
        host: Host,
        #[source]
        source: Mismatch,
    },
}
