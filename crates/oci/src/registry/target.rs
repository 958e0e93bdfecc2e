//! The repository that requests are for: its URLs, and the scope of its tokens.

use url::Url;

use super::error::{Problem, RegistryError};
use super::settings::{Access, Settings};
use super::transport_error::TransportError;
use crate::Reference;

/// A repository in a registry.
#[derive(Debug)]
pub(super) struct Target {
    /// The URL of the registry's API.
    pub(super) base: Url,
    /// `HOST[:PORT]`, as in the reference.
    pub(super) host: String,
    /// The path of the repository; of an official image at Docker Hub with `library/`.
    name: String,
    access: Access,
}

impl Target {
    /// Where `reference` is.
    pub(super) fn new(
        reference: &Reference,
        access: Access,
        settings: &Settings,
    ) -> Result<Self, RegistryError> {
        let host = reference.registry().unwrap_or("docker.io").to_owned();
        // Docker Hub's name is not its address.
        let hub = host == "docker.io";
        let address = if hub { "registry-1.docker.io" } else { &host };
        let scheme = if settings.uses_tls(&host) {
            "https"
        } else {
            "http"
        };
        let url = format!("{scheme}://{address}/v2/");
        let base = Url::parse(&url).map_err(|_| RegistryError {
            method: "GET",
            url: url.clone(),
            problem: Box::new(Problem::Unreachable(TransportError::from(
                ureq::Error::BadUri(host.clone()),
            ))),
            gave_up: None,
        })?;
        let name = reference.repository();
        let name = match name {
            name if hub && !name.contains('/') => format!("library/{name}"),
            name => name.to_owned(),
        };
        Ok(Self {
            base,
            host,
            name,
            access,
        })
    }

    /// What a token is for, without what it allows.
    pub(super) fn scope_resource(&self) -> String {
        format!("repository:{}:", self.name)
    }

    /// What a token must allow.
    pub(super) fn scope(&self) -> String {
        let actions = match self.access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
            Access::Delete => "pull,delete",
        };
        format!("{}{actions}", self.scope_resource())
    }

    /// A URL below the repository.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{}/{path}", self.name));
        url
    }
}
