//! The repository that requests address: its URLs, and the scope of its tokens.

use url::Url;

use super::access::Access;
use super::error::{Problem, RegistryError};
use super::settings::Settings;
use super::transport_error::TransportError;
use crate::docker_hub::{DOCKER_HUB, path};

/// A repository in a registry.
#[derive(Debug)]
pub(super) struct Target {
    /// The URL of the registry's API.
    pub(super) base: Url,
    /// `HOST[:PORT]`, as in the reference.
    pub(super) host: String,
    /// The path of the repository; of an official image at Docker Hub with `library/`.
    name: String,
    /// The access that is needed.
    pub(super) access: Access,
}

impl Target {
    /// The repository `name` of the registry `host`, whose API is at `base`.
    pub(super) fn new(host: &str, base: &Url, name: &str, access: Access) -> Self {
        Self {
            base: base.clone(),
            host: host.to_owned(),
            name: path(host, name),
            access,
        }
    }

    /// The path of the repository `name` of the same registry.
    pub(super) fn sibling(&self, name: &str) -> String {
        path(&self.host, name)
    }

    /// The scope of a token that allows mounting blobs from a repository.
    pub(super) fn mount_scope(&self, from: &str) -> String {
        format!("repository:{}:pull", self.sibling(from))
    }

    /// The resource of a scope, without its actions.
    pub(super) fn scope_resource(&self) -> String {
        format!("repository:{}:", self.name)
    }

    /// The scope of its tokens.
    pub(super) fn scope(&self) -> String {
        let actions = match self.access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
            Access::Delete => "pull,delete",
            Access::Login => return String::new(),
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

/// The URL of the API of the registry `host`.
pub(super) fn base(host: &str, settings: &Settings) -> Result<Url, RegistryError> {
    // Docker Hub's name is not its address.
    let address = match host {
        DOCKER_HUB => "registry-1.docker.io",
        host => host,
    };
    let scheme = if settings.uses_tls(host) {
        "https"
    } else {
        "http"
    };
    let url = format!("{scheme}://{address}/v2/");
    Url::parse(&url).map_err(|_| RegistryError {
        method: "GET",
        url: url.clone(),
        problem: Box::new(Problem::Unreachable(TransportError::from(
            ureq::Error::BadUri(host.to_owned()),
        ))),
        gave_up: None,
    })
}
