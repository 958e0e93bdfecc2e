//! A registry: the state that its repositories share.

use std::fmt;
use std::sync::Arc;

use super::access::Access;
use super::authorization::Authorization;
use super::client::{Client, expect};
use super::credentials::Keychain;
use super::error::{Problem, RegistryError};
use super::session::Repository;
use super::settings::Settings;
use super::shared::Shared;
use super::target::{Target, base};
use super::transport::Call;
use super::transport_error::TransportError;
use crate::Reference;
use crate::docker_hub::DOCKER_HUB;

/// A registry: its connections, the pace of requests, and what was learned about it, shared by all the
/// repositories that a run pushes to.
#[derive(Clone)]
pub struct Registry(Arc<Shared>);

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("base", &self.0.base)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// The registry at `host` (`HOST[:PORT]`). Nothing is sent yet.
    ///
    /// # Errors
    /// If `host` is invalid, or the settings' certificates are.
    pub fn new(
        host: &str,
        settings: Settings,
        keychain: Arc<dyn Keychain>,
    ) -> Result<Self, RegistryError> {
        let base = base(host, &settings)?;
        let client = Client::new(settings, &base).map_err(|error| {
            let call = Call::new("GET", base.clone());
            call.error(Problem::Unreachable(TransportError::from(error)))
        })?;
        let shared = Shared::new(host, base, client, keychain);
        Ok(Self(Arc::new(shared)))
    }

    /// `HOST[:PORT]`
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// Checks the credentials. Returns whether the registry requires any.
    ///
    /// # Errors
    /// If the registry refuses them, or cannot be reached.
    pub fn authenticate(&self) -> Result<bool, RegistryError> {
        let repository = self.repository("", Access::Login);
        let call = Call::new("GET", self.0.base.clone());
        let response = repository.call(&call)?;
        expect(&call, response, &[200])?;
        Ok(repository.authorization.current().header.is_some())
    }

    /// The repository `name` in it. Nothing is sent yet.
    pub fn repository(&self, name: &str, access: Access) -> Repository {
        let target = Target::new(&self.0.host, &self.0.base, name, access);
        Repository {
            target,
            authorization: Authorization::starting_with(self.0.header()),
            shared: Arc::clone(&self.0),
            name: name.to_owned(),
            mount_source: None,
        }
    }
}

impl Repository {
    /// A repository to pull from. Nothing is sent yet.
    ///
    /// # Errors
    /// If `reference` has no registry, or the settings' certificates are invalid.
    pub fn pull(
        reference: &Reference,
        settings: Settings,
        keychain: Arc<dyn Keychain>,
    ) -> Result<Self, RegistryError> {
        Self::new(reference, Access::Pull, settings, keychain)
    }

    /// A repository to push to. Nothing is sent yet.
    ///
    /// # Errors
    /// As [`Repository::pull`].
    pub fn push(
        reference: &Reference,
        settings: Settings,
        keychain: Arc<dyn Keychain>,
    ) -> Result<Self, RegistryError> {
        Self::new(reference, Access::Push, settings, keychain)
    }

    /// A repository for `access`. Nothing is sent yet.
    ///
    /// # Errors
    /// As [`Repository::pull`].
    pub fn new(
        reference: &Reference,
        access: Access,
        settings: Settings,
        keychain: Arc<dyn Keychain>,
    ) -> Result<Self, RegistryError> {
        let host = reference.registry().unwrap_or(DOCKER_HUB);
        let registry = Registry::new(host, settings, keychain)?;
        Ok(registry.repository(reference.repository(), access))
    }
}
