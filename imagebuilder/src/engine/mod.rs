//! The local container engine, by the API of
//! [Docker](https://docs.docker.com/reference/api/engine/), which podman supports too.
//!
//! It takes only three requests, so there is no client library: a tar to `POST /images/load`, a tar from
//! `GET /images/NAME/get`, and the platform of `GET /version` (`client`). The HTTP client for registries sends
//! them over the socket of the engine that `settings` selects.

mod client;
mod error;
mod host;
mod settings;
mod socket;

pub(crate) use client::Engine;
pub(crate) use error::EngineError;
#[cfg(test)]
pub(crate) use host::Host;
pub(crate) use settings::EngineSettings;
