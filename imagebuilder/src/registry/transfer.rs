//! What a push or copy does, and how it reports it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cli::Bytes;
use oci::copy::{CopyError, CopyEvent, Destination, Open, Source, copy};
use oci::registry::{RegistryError, Repository};
use oci::{Descriptor, Reference};

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
    /// The destination has the image: from where, to where.
    Copied(String, String, Summary),
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

/// A destination that has what a repository has, and stores nothing.
pub(super) struct DryRun(Repository);

impl DryRun {
    pub(super) fn new(repository: Repository) -> Self {
        Self(repository)
    }
}

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
pub(crate) fn transfer<S: Source, D: Destination>(
    source: &S,
    destination: &D,
    root: &Descriptor,
    tags: &[&str],
    events: &(dyn Fn(PublishEvent) + Sync),
) -> Result<Summary, CopyError<S::Error, D::Error>> {
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
    copy(source, destination, root, tags, &report)?;
    Ok(Summary {
        blobs: blobs.into_inner(),
        present: present.into_inner(),
        sent_bytes: sent_bytes.into_inner(),
        time: Duration::ZERO,
    })
}

impl Summary {
    /// How many blobs there were, and what became of those that were missing.
    fn counts(&self, done: &str) -> String {
        let Self {
            blobs,
            present,
            sent_bytes,
            ..
        } = self;
        let bytes = Bytes(*sent_bytes);
        format!("{blobs} blobs ({present} already there, {bytes} {done})")
    }
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
            Self::Copied(from, to, summary) => write!(
                f,
                "Copied {from} to {to}: {} in {:.1}s",
                summary.counts("copied"),
                summary.time.as_secs_f64()
            ),
            Self::Missing(reference, Summary { blobs: 0, .. }) => {
                write!(f, "Would push {reference}: everything is there")
            }
            Self::Missing(reference, summary) => {
                write!(f, "Would push {reference}: {}", summary.counts("to send"))
            }
            Self::Pushed(reference, Summary { blobs: 0, time, .. }) => {
                write!(
                    f,
                    "Pushed {reference}: everything was there in {:.1}s",
                    time.as_secs_f64()
                )
            }
            Self::Pushed(reference, summary) => write!(
                f,
                "Pushed {reference}: {} in {:.1}s",
                summary.counts("sent"),
                summary.time.as_secs_f64()
            ),
        }
    }
}
