//! A client of the [distribution-spec](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
//!
//! What to do next is decided by plain functions on data ([`challenge`], `location`, `retry`,
//! `resume`); `transport` alone knows sockets. Bodies stream; whatever is read is verified against
//! its digest and size; what may succeed later is retried. A secret is in no message: it has a type
//! that does not print.
//!
//! Docker Hub is the one registry it knows by name: `docker.io` is not its address, and its official
//! images are below `library/`. Credentials come from the [`Keychain`] that the caller passes in.

mod access;
mod authorization;
mod blobs;
pub mod challenge;
mod client;
mod connection;
mod credential_helper;
mod credentials;
mod docker_config;
mod error;
mod forward;
mod location;
mod login;
mod manifests;
mod pages;
mod proxy;
mod pull;
mod push;
mod rates;
mod referrers;
mod resolve;
mod resume;
mod retry;
mod session;
mod settings;
mod shared;
mod tags;
mod target;
mod transfer;
mod transport;
mod transport_error;

pub use access::Access;
pub use connection::Registry;
pub use credentials::{CredentialError, Credentials, Keychain, Secret};
pub use docker_config::DockerConfig;
pub use error::{GaveUp, OciError, Problem, RegistryError, one_line};
pub use location::is_loopback;
pub use login::Kept;
pub use manifests::Document;
pub use proxy::{Proxies, ProxyError};
pub use rates::Rates;
pub use resolve::{Resolve, ResolveError};
pub use retry::Retry;
pub use session::Repository;
pub use settings::{ChunkLimit, OnRetry, Settings};
pub use transport_error::TransportError;
