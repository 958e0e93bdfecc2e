//! Pushes an image from a layout to its destination below a prefix.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use oci::copy::{CopyError, Source};
use oci::layout::{Layout, LayoutError};
use oci::registry::{
    Access, Credentials, DockerConfig, Keychain, OnRetry, Proxies, Registry, RegistryError,
    Repository, Resolve, Settings,
};
use oci::{Descriptor, Reference, ReferenceError};

use super::dry_run::DryRun;
use super::ecr::{AMAZON_RATES, EcrHost, is_public};
use super::event::{Plan, PublishEvent};
use super::keychain::UserKeychain;
use super::transfer::{Mounts, TransferOptions, transfer};
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
    #[error(
        "--create-repository is for private registries in Amazon ECR, and {registry} is not one"
    )]
    NotEcr { registry: String },
    #[cfg(feature = "ecr")]
    #[error("cannot use Amazon ECR")]
    Ecr(#[from] super::EcrError),
    #[error("cannot reach {registry}")]
    Connect {
        registry: String,
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

/// The settings for registries, from the command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connection {
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) plain_http: bool,
    pub(crate) skip_tls_verify: bool,
    pub(crate) resolve: Vec<Resolve>,
    pub(crate) proxies: Proxies,
    /// The replacement for the machine's certificate authorities.
    pub(crate) trust: TrustPaths,
    /// The files that may have credentials, in order.
    pub(crate) auth_files: Vec<PathBuf>,
}

/// Publishes the images of a run in one registry. They share its connections, its credentials, the pace of
/// requests, and the knowledge of existing blobs.
pub(crate) struct Publisher {
    registry: Registry,
    /// Create missing repositories.
    create: bool,
    #[cfg(feature = "ecr")]
    ecr: Option<Arc<super::ecr::Ecr>>,
}

impl Publisher {
    /// Reads certificates and other files for the access. Nothing is sent yet.
    pub(crate) fn new(
        registry: &str,
        connection: &Connection,
        on_retry: OnRetry,
    ) -> Result<Self, PublishError> {
        let settings = settings(registry, connection, Some(on_retry))?;
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
        #[cfg(feature = "ecr")]
        let ecr = super::ecr::Ecr::of(registry, &settings)?.map(Arc::new);
        let keychain: Arc<dyn Keychain> = Arc::new(UserKeychain::new(
            files,
            #[cfg(feature = "ecr")]
            ecr.clone(),
        ));
        let connected = Registry::new(registry, settings, keychain);
        let registry = connected.map_err(|source| PublishError::Connect {
            registry: registry.to_owned(),
            source,
        })?;
        Ok(Self {
            registry,
            create: false,
            #[cfg(feature = "ecr")]
            ecr,
        })
    }

    /// The same, but a missing repository is created before a push.
    pub(crate) fn creating_repositories(mut self) -> Result<Self, PublishError> {
        self.check_private_ecr()?;
        self.create = true;
        Ok(self)
    }

    /// Only private registries in Amazon ECR create repositories by request.
    fn check_private_ecr(&self) -> Result<(), PublishError> {
        let registry = self.registry.host();
        if EcrHost::parse(registry).is_some() && cfg!(feature = "ecr") {
            return Ok(());
        }
        Err(PublishError::NotEcr {
            registry: registry.to_owned(),
        })
    }

    /// Checks that the registry can be reached and accepts the credentials.
    ///
    /// # Errors
    /// Also if it responds otherwise, which need not prevent a push.
    pub(crate) fn authenticate(&self) -> Result<(), PublishError> {
        let answer = self.registry.authenticate();
        answer.map(drop).map_err(|source| PublishError::Connect {
            registry: self.registry.host().to_owned(),
            source,
        })
    }

    /// Pushes `root` of `source` to `destination`, with its tag if it has one, and returns the name by digest.
    /// `mounts` need not be sent, and `elapsed` is the clock.
    #[allow(
        clippy::too_many_arguments,
        reason = "an image, where it goes and how, and two callbacks"
    )]
    pub(crate) fn publish(
        &self,
        source: &impl Source<Error = LayoutError>,
        destination: &Reference,
        root: &Descriptor,
        mounts: Option<&Mounts>,
        options: TransferOptions<'_>,
        elapsed: &(dyn Fn() -> Duration + Sync),
        events: &(dyn Fn(PublishEvent) + Sync),
    ) -> Result<Reference, PublishError> {
        let reference = destination.clone().without_tag();
        let creation = if self.create {
            self.create_repository(reference.repository(), events)?
        } else {
            Creation::default()
        };
        let mut repository = self.repository(&reference, Access::Push);
        if let Some(mounts) = mounts {
            let blobs = mounts.blobs.iter().copied();
            repository = repository.with_blobs_of(&mounts.repository, blobs);
        }
        let started = elapsed();
        let tags: Vec<&str> = destination.tag().into_iter().collect();
        let copied = transfer(source, &repository, root, &tags, options, events);
        creation.finish(copied.as_ref().err().map(is_missing), events)?;
        let summary = copied.map_err(|source| PublishError::Copy {
            reference: Box::new(destination.clone()),
            source,
        })?;
        let summary = summary.in_time(elapsed().saturating_sub(started));
        events(PublishEvent::Pushed(destination.clone(), summary));
        Ok(reference.with_digest(root.digest))
    }

    /// Reports what [`Publisher::publish`] would send, and sends nothing.
    pub(crate) fn preview(
        &self,
        layout: &Layout,
        destination: &Reference,
        root: &Descriptor,
        options: TransferOptions<'_>,
        events: &(dyn Fn(PublishEvent) + Sync),
    ) -> Result<(), PublishError> {
        let dry_run = DryRun::new(self.repository(destination, Access::Push));
        let tags: Vec<&str> = destination.tag().into_iter().collect();
        let copied = transfer(layout, &dry_run, root, &tags, options, &|_| {});
        let summary = copied.map_err(|source| PublishError::Copy {
            reference: Box::new(destination.clone()),
            source,
        })?;
        events(PublishEvent::Planned(Plan {
            what: format!("push {destination}"),
            summary,
            names: dry_run.into_names(),
        }));
        Ok(())
    }

    /// The repository of a reference in this registry.
    pub(crate) fn repository(&self, reference: &Reference, access: Access) -> Repository {
        self.registry.repository(reference.repository(), access)
    }

    /// Creates a repository of Amazon ECR if it does not exist.
    pub(crate) fn create_repository(
        &self,
        name: &str,
        events: &(dyn Fn(PublishEvent) + Sync),
    ) -> Result<Creation, PublishError> {
        self.check_private_ecr()?;
        #[cfg(feature = "ecr")]
        if let Some(ecr) = &self.ecr {
            match ecr.create_repository(name) {
                Ok(true) => events(PublishEvent::Created(name.to_owned())),
                Ok(false) => {}
                Err(error) if error.is_denied() => {
                    return Ok(Creation(Some((name.to_owned(), error))));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Creation::default())
    }
}

/// The attempt to create a repository. If the credentials may not, ECR itself may create it when an image is pushed.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Creation(#[cfg(feature = "ecr")] Option<(String, super::EcrError)>);

impl Creation {
    /// The outcome once the image was pushed: `failure` is whether a failed push found no repository.
    pub(crate) fn finish(
        self,
        failure: Option<bool>,
        events: &(dyn Fn(PublishEvent) + Sync),
    ) -> Result<(), PublishError> {
        #[cfg(feature = "ecr")]
        if let Some((name, refusal)) = self.0 {
            match failure {
                None => events(PublishEvent::CreatedOnPush(name)),
                Some(true) => return Err(refusal.into()),
                Some(false) => {}
            }
        }
        Ok(())
    }
}

/// Whether the repository does not exist, so that nothing was stored.
pub(crate) fn is_missing<S: std::error::Error>(error: &CopyError<S, RegistryError>) -> bool {
    match error {
        CopyError::Write { source, .. } | CopyError::Name { source, .. } => {
            source.code() == Some("NAME_UNKNOWN")
        }
        CopyError::Read { .. } | CopyError::Document { .. } | CopyError::Kind { .. } => false,
    }
}

/// The settings for a registry.
fn settings(
    registry: &str,
    connection: &Connection,
    on_retry: Option<OnRetry>,
) -> Result<Settings, PublishError> {
    let host = EcrHost::parse(registry);
    let mut settings = Settings {
        user_agent: concat!("imagebuilder/", env!("CARGO_PKG_VERSION")).to_owned(),
        plain_http: connection.plain_http,
        skip_tls_verify: connection.skip_tls_verify,
        proxies: connection.proxies.clone(),
        resolve: connection.resolve.clone(),
        on_retry,
        rates: host.as_ref().map(|_| AMAZON_RATES).unwrap_or_default(),
        ..Settings::default()
    };
    if let Some(path) = &connection.ca_file {
        settings.extra_roots = read(path)?;
        let pem = b"-----BEGIN CERTIFICATE-----";
        if !settings.extra_roots.windows(pem.len()).any(|at| at == pem) {
            return Err(PublishError::NoCertificate { path: path.clone() });
        }
    }
    // AWS's own API uses TLS, whatever the registry uses.
    let tls = settings.uses_tls(registry) && !settings.skip_tls_verify;
    if tls || host.is_some() || is_public(registry) {
        settings.roots = machine_roots(&connection.trust)?;
    }
    Ok(settings)
}

/// Checks credentials: an error if the registry refuses them, and false if it does not require any.
pub(crate) fn check_login(
    registry: &str,
    connection: &Connection,
    credentials: Credentials,
) -> Result<bool, PublishError> {
    let failed = |source| PublishError::Connect {
        registry: registry.to_owned(),
        source,
    };
    let settings = settings(registry, connection, None)?;
    let connected = Registry::new(registry, settings, Arc::new(credentials)).map_err(failed)?;
    connected.authenticate().map_err(failed)
}

fn read(path: &Path) -> Result<Vec<u8>, PublishError> {
    std::fs::read(path).map_err(|source| PublishError::File {
        path: path.to_owned(),
        source,
    })
}
