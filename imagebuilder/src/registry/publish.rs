//! Pushing an image from a layout to its place below a prefix.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use oci::copy::CopyError;
use oci::layout::{Layout, LayoutError};
use oci::registry::{
    Access, DockerConfig, Keychain, OnRetry, Proxies, RegistryError, Repository, Resolve, Settings,
};
use oci::{Descriptor, Reference, ReferenceError};

use super::EcrHost;
use super::keychain::UserKeychain;
use super::transfer::{DryRun, PublishEvent, transfer};
use super::trust::{TrustError, TrustPaths, machine_roots};

/// Why an image could not be published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    #[error("cannot read `{}`", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{}` has no certificate in PEM form", path.display())]
    NoCertificate { path: PathBuf },
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    #[error("--create-repository is for Amazon ECR, and {registry} is not in it")]
    NotEcr { registry: String },
    #[cfg(feature = "ecr")]
    #[error("cannot use Amazon ECR")]
    Ecr(#[from] super::EcrError),
    #[error("cannot push {reference}")]
    Registry {
        reference: Box<Reference>,
        #[source]
        source: RegistryError,
    },
    #[error("cannot push {reference}")]
    Copy {
        reference: Box<Reference>,
        #[source]
        source: CopyError<LayoutError, RegistryError>,
    },
}

/// How registries are reached, from the command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection {
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) plain_http: bool,
    pub(crate) skip_tls_verify: bool,
    pub(crate) resolve: Vec<Resolve>,
    pub(crate) proxies: Proxies,
    /// What replaces the machine's certificate authorities.
    pub(crate) trust: TrustPaths,
    pub(crate) create_repository: bool,
    /// The files that may have credentials, in order.
    pub(crate) auth_files: Vec<PathBuf>,
}

/// Publishes images in one registry.
pub(crate) struct Publisher {
    settings: Settings,
    keychain: Arc<dyn Keychain>,
    create: bool,
    #[cfg(feature = "ecr")]
    ecr: Option<Arc<super::ecr::Ecr>>,
}

impl Publisher {
    /// Reads what the access needs; nothing is sent yet.
    pub(crate) fn new(
        registry: &str,
        connection: &Connection,
        on_retry: OnRetry,
    ) -> Result<Self, PublishError> {
        let host = EcrHost::parse(registry);
        if connection.create_repository && (host.is_none() || cfg!(not(feature = "ecr"))) {
            return Err(PublishError::NotEcr {
                registry: registry.to_owned(),
            });
        }
        let mut settings = Settings {
            user_agent: concat!("imagebuilder/", env!("CARGO_PKG_VERSION")).to_owned(),
            plain_http: connection.plain_http,
            skip_tls_verify: connection.skip_tls_verify,
            proxies: connection.proxies.clone(),
            resolve: connection.resolve.clone(),
            on_retry: Some(on_retry),
            ..Settings::default()
        };
        if let Some(path) = &connection.ca_file {
            settings.extra_roots = read(path)?;
            let pem = b"-----BEGIN CERTIFICATE-----";
            if !settings.extra_roots.windows(pem.len()).any(|at| at == pem) {
                return Err(PublishError::NoCertificate { path: path.clone() });
            }
        }
        if settings.uses_tls(registry) && !settings.skip_tls_verify {
            settings.roots = machine_roots(&connection.trust)?;
        }
        let files: Vec<_> = connection
            .auth_files
            .iter()
            .map(|path| {
                DockerConfig::read(path.clone()).map_err(|source| PublishError::File {
                    path: path.clone(),
                    source,
                })
            })
            .collect::<Result<_, _>>()?;
        let create = connection.create_repository;
        #[cfg(feature = "ecr")]
        {
            let ecr = host.map(super::ecr::Ecr::new).transpose()?.map(Arc::new);
            let keychain = Arc::new(UserKeychain::new(files, ecr.clone()));
            Ok(Self {
                settings,
                keychain,
                create,
                ecr,
            })
        }
        #[cfg(not(feature = "ecr"))]
        {
            let keychain = Arc::new(UserKeychain::new(files));
            Ok(Self {
                settings,
                keychain,
                create,
            })
        }
    }

    /// Pushes `root` of `layout` to `destination`, with its tag where it has one, and returns the
    /// name by digest. `elapsed` is the clock.
    pub(crate) fn publish(
        &self,
        layout: &Layout,
        destination: &Reference,
        root: &Descriptor,
        elapsed: &dyn Fn() -> Duration,
        events: &(dyn Fn(PublishEvent) + Sync),
    ) -> Result<Reference, PublishError> {
        let reference = destination.clone().without_tag();
        if self.create {
            self.create_repository(reference.repository(), events)?;
        }
        let repository = self.repository(&reference, Access::Push)?;
        let started = elapsed();
        let tags: Vec<&str> = destination.tag().into_iter().collect();
        let copied = transfer(layout, &repository, root, &tags, events);
        let mut summary = copied.map_err(|source| PublishError::Copy {
            reference: Box::new(destination.clone()),
            source,
        })?;
        summary.time = elapsed().saturating_sub(started);
        events(PublishEvent::Pushed(destination.clone(), summary));
        Ok(reference.with_digest(root.digest))
    }

    /// Reports what [`Publisher::publish`] would send, and sends nothing.
    pub(crate) fn preview(
        &self,
        layout: &Layout,
        destination: &Reference,
        root: &Descriptor,
        events: &(dyn Fn(PublishEvent) + Sync),
    ) -> Result<(), PublishError> {
        let missing = DryRun::new(self.repository(destination, Access::Push)?);
        let copied = transfer(layout, &missing, root, &[], &|_| {});
        let summary = copied.map_err(|source| PublishError::Copy {
            reference: Box::new(destination.clone()),
            source,
        })?;
        events(PublishEvent::Missing(destination.clone(), summary));
        Ok(())
    }

    /// The repository of a reference.
    pub(crate) fn repository(
        &self,
        reference: &Reference,
        access: Access,
    ) -> Result<Repository, PublishError> {
        let (settings, keychain) = (self.settings.clone(), Arc::clone(&self.keychain));
        Repository::new(reference, access, settings, keychain).map_err(|source| {
            let reference = Box::new(reference.clone());
            PublishError::Registry { reference, source }
        })
    }

    #[cfg(feature = "ecr")]
    fn create_repository(
        &self,
        name: &str,
        events: &(dyn Fn(PublishEvent) + Sync),
    ) -> Result<(), PublishError> {
        if let Some(ecr) = &self.ecr
            && ecr.create_repository(name)?
        {
            events(PublishEvent::Created(name.to_owned()));
        }
        Ok(())
    }

    #[cfg(not(feature = "ecr"))]
    #[allow(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "as with the feature"
    )]
    fn create_repository(
        &self,
        _: &str,
        _: &(dyn Fn(PublishEvent) + Sync),
    ) -> Result<(), PublishError> {
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PublishError> {
    std::fs::read(path).map_err(|source| PublishError::File {
        path: path.to_owned(),
        source,
    })
}
