//! Pushing an image from a layout to its place below a prefix.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cli::Bytes;
use oci::copy::{CopyError, CopyEvent, Destination, Open, copy};
use oci::layout::{Layout, LayoutError};
use oci::registry::{
    Access, DockerConfig, Keychain, OnRetry, Proxies, RegistryError, Repository, Resolve, Settings,
};
use oci::{Descriptor, Reference, ReferenceError};

use super::EcrHost;
use super::keychain::UserKeychain;
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

/// The progress of a publisher.
#[derive(Clone, Debug)]
pub(crate) enum PublishEvent {
    /// A repository was created.
    #[cfg(feature = "ecr")]
    Created(String),
    /// A layer that may not be distributed was left where its URLs are.
    Foreign(Descriptor),
    /// Blobs are on their way.
    Sending {
        /// Of those that had to be sent, what was sent so far.
        sent_bytes: u64,
        /// What they are in all, as far as it is known.
        total_bytes: u64,
    },
    /// A blob was sent.
    Sent(Descriptor),
    /// The registry has the image.
    Pushed(Reference, Summary),
    /// What the registry has not, by a dry run.
    Missing(Reference, Summary),
}

/// What a push came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) blobs: u64,
    pub(crate) present: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) time: Duration,
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
        let missing = DryRun(self.repository(destination, Access::Push)?);
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

/// A destination that has what a repository has, and stores nothing.
struct DryRun(Repository);

impl Destination for DryRun {
    type Error = RegistryError;

    fn has_document(&self, descriptor: &Descriptor) -> Result<bool, RegistryError> {
        self.0.has_document(descriptor)
    }

    fn put_blob(&self, descriptor: &Descriptor, _: Open<'_>) -> Result<bool, RegistryError> {
        self.0.has_blob(descriptor).map(|present| !present)
    }

    fn put_document(&self, _: &Descriptor, _: &[u8]) -> Result<(), RegistryError> {
        Ok(())
    }

    fn name(&self, _: &str, _: &Descriptor, _: &[u8]) -> Result<(), RegistryError> {
        Ok(())
    }
}

/// Copies an image and counts its blobs.
fn transfer<D: Destination<Error = RegistryError>>(
    layout: &Layout,
    destination: &D,
    root: &Descriptor,
    tags: &[&str],
    events: &(dyn Fn(PublishEvent) + Sync),
) -> Result<Summary, CopyError<LayoutError, RegistryError>> {
    let [blobs, present, sent_bytes] = [const { AtomicU64::new(0) }; 3];
    // By blob, what was sent of it and what it is in all.
    let sending = Mutex::new(BTreeMap::new());
    let report = |event: CopyEvent<'_>| match event {
        CopyEvent::Progress { descriptor, bytes } => {
            let mut sending = sending.lock().unwrap_or_else(PoisonError::into_inner);
            sending.insert(descriptor.digest, (bytes, descriptor.size));
            events(PublishEvent::Sending {
                sent_bytes: sending.values().map(|(sent, _)| sent).sum(),
                total_bytes: sending.values().map(|(_, size)| size).sum(),
            });
        }
        CopyEvent::Blob { descriptor, sent } => {
            blobs.fetch_add(1, Ordering::Relaxed);
            if sent {
                sent_bytes.fetch_add(descriptor.size, Ordering::Relaxed);
                events(PublishEvent::Sent(descriptor.clone()));
            } else {
                present.fetch_add(1, Ordering::Relaxed);
            }
        }
        CopyEvent::Foreign { descriptor } => {
            events(PublishEvent::Foreign(descriptor.clone()));
        }
        CopyEvent::Document { .. } | CopyEvent::Named(_) => {}
    };
    copy(layout, destination, root, tags, &report)?;
    Ok(Summary {
        blobs: blobs.into_inner(),
        present: present.into_inner(),
        sent_bytes: sent_bytes.into_inner(),
        time: Duration::ZERO,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, PublishError> {
    std::fs::read(path).map_err(|source| PublishError::File {
        path: path.to_owned(),
        source,
    })
}

impl fmt::Display for PublishEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "ecr")]
            Self::Created(name) => write!(f, "Created repository {name}"),
            Self::Foreign(descriptor) => write!(
                f,
                "Not sent: {}, a `{}`, which is not to be distributed",
                descriptor.digest, descriptor.media_type
            ),
            Self::Sending {
                sent_bytes,
                total_bytes,
            } => {
                let (sent, total) = (Bytes(*sent_bytes), Bytes(*total_bytes));
                let percent = sent_bytes * 100 / (*total_bytes).max(1);
                write!(f, "Sending {sent} of {total}, {percent} %")
            }
            Self::Sent(descriptor) => {
                write!(f, "Sent {}: {}", descriptor.digest, Bytes(descriptor.size))
            }
            Self::Missing(reference, Summary { blobs: 0, .. }) => {
                write!(f, "Would push {reference}: everything is there")
            }
            Self::Missing(
                reference,
                Summary {
                    blobs,
                    present,
                    sent_bytes,
                    ..
                },
            ) => write!(
                f,
                "Would push {reference}: {blobs} blobs ({present} already there, {} to send)",
                Bytes(*sent_bytes)
            ),
            Self::Pushed(reference, Summary { blobs: 0, time, .. }) => {
                write!(
                    f,
                    "Pushed {reference}: everything was there in {:.1}s",
                    time.as_secs_f64()
                )
            }
            Self::Pushed(
                reference,
                Summary {
                    blobs,
                    present,
                    sent_bytes,
                    time,
                },
            ) => write!(
                f,
                "Pushed {reference}: {blobs} blobs ({present} already there, {} sent) in {:.1}s",
                Bytes(*sent_bytes),
                time.as_secs_f64()
            ),
        }
    }
}
