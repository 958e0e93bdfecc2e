//! A client of the [distribution-spec](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
//!
//! Pure functions decide what to do next ([`challenge`], `location`, `retry`, `resume`); only `transport`
//! deals with sockets. Bodies are streamed, content is verified against its digest and size, and
//! transient errors are retried. Secrets have a type that is never printed.
//!
//! `client` sends a request, with retries and redirects, at the rate that `rates` allows and through the proxy
//! that `proxy` chooses; `session` adds the credentials, and asks for the reason of a refusal. `authorization`
//! gets and renews tokens, `docker_config` and `credential_helper` read what is stored, and `login` stores it.
//! `push` and `pull` transfer blobs, `blobs` mounts them, and `manifests`, `tags` and `referrers` have the other
//! requests.
//!
//! Docker Hub is the only registry with special treatment: `docker.io` is not its address, and its
//! official images are below `library/`. Credentials come from the [`Keychain`] that the caller passes in.

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
