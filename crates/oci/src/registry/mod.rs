//! A client of the [distribution-spec](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
//!
//! What to do next is decided by plain functions on data ([`challenge`], `location`, `retry`,
//! `resume`); `transport` alone knows sockets. Bodies stream; whatever is read is verified against
//! its digest and size; what can pass is tried again. A secret is in no message: it has a type
//! that does not print.
//!
//! Docker Hub is the one registry it knows by name: `docker.io` is not its address, and its official
//! images are below `library/`. Credentials come from the [`Keychain`] that the caller passes in.

mod authorization;
pub mod challenge;
mod credentials;
mod docker_config;
mod error;
mod location;
mod manifests;
mod pull;
mod push;
mod resume;
mod retry;
mod session;
mod transfer;
mod transport;
mod transport_error;

pub use credentials::{CredentialError, Credentials, Keychain, Secret};
pub use docker_config::DockerConfig;
pub use error::{OciError, Problem, RegistryError};
pub use location::is_loopback;
pub use manifests::Document;
pub use push::ChunkLimit;
pub use retry::Retry;
pub use session::{OnRetry, Repository, Settings};
pub use transport_error::TransportError;
