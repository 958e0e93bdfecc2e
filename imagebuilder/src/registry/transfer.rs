//! The work of a push or copy, and its events.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use oci::copy::{CopyError, CopyEvent, Destination, Open, Source, Stored};
use oci::referrers::{Referrers, copy_with_referrers};
use oci::{Descriptor, Digest};

use super::event::{PublishEvent, Summary};

/// A destination whose manifests do not prove that their blobs exist: these are checked too, since a garbage
/// collection of the registry may have deleted them.
pub(super) struct Checked<'a, D> {
    destination: &'a D,
    /// The manifests and indexes that exist.
    present: Mutex<BTreeSet<Digest>>,
}

impl<'a, D: Destination> Checked<'a, D> {
    pub(super) fn new(destination: &'a D) -> Self {
        let present = Mutex::default();
        Self {
            destination,
            present,
        }
    }

    /// Whether a manifest or index already existed.
    fn had(&self, digest: &Digest) -> bool {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        present.contains(digest)
    }
}

impl<D: Destination> Destination for Checked<'_, D> {
    type Error = D::Error;

    fn has_document(&self, descriptor: &Descriptor) -> Result<bool, D::Error> {
        if self.destination.has_document(descriptor)? {
            let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
            present.insert(descriptor.digest);
        }
        Ok(false)
    }

    fn put_blob(&self, descriptor: &Descriptor, open: Open<'_>) -> Result<Stored, D::Error> {
        self.destination.put_blob(descriptor, open)
    }

    fn workers(&self) -> usize {
        self.destination.workers()
    }

    fn put_document(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), D::Error> {
        if self.had(&descriptor.digest) {
            return Ok(());
        }
        self.destination.put_document(descriptor, bytes)
    }

    fn stores_by_name(&self) -> bool {
        self.destination.stores_by_name()
    }

    fn name(&self, name: &str, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), D::Error> {
        self.destination.name(name, descriptor, bytes)
    }

    fn attach(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), D::Error> {
        self.destination.attach(descriptor, bytes)
    }
}

/// Options of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TransferOptions<'a> {
    /// Also checks the blobs of manifests that exist.
    pub(crate) check: bool,
    /// The referrers of the image, which are copied before its tags.
    pub(crate) referrers: Referrers<'a>,
}

/// Blobs that a repository of the same registry has, such as those of a base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mounts {
    pub(crate) repository: String,
    pub(crate) blobs: Vec<Digest>,
}

/// Copies an image and counts its blobs.
pub(crate) fn transfer<S: Source, D: Destination>(
    source: &S,
    destination: &D,
    root: &Descriptor,
    tags: &[&str],
    options: TransferOptions<'_>,
    events: &(dyn Fn(PublishEvent) + Sync),
) -> Result<Summary, CopyError<S::Error, D::Error>> {
    let counts = Counts::default();
    let report = |event: CopyEvent<'_>| counts.report(event, events);
    let mut summary = Summary::default();
    let referrers = options.referrers;
    if options.check {
        let checked = Checked::new(destination);
        summary.referrers = copy_with_referrers(source, &checked, root, referrers, tags, &report)?;
        summary.was_there = checked.had(&root.digest);
    } else {
        summary.referrers =
            copy_with_referrers(source, destination, root, referrers, tags, &report)?;
    }
    let [blobs, present, mounted, sent_bytes] = [
        counts.blobs,
        counts.present,
        counts.mounted,
        counts.sent_bytes,
    ]
    .map(AtomicU64::into_inner);
    Ok(Summary {
        blobs,
        present,
        mounted,
        sent_bytes,
        ..summary
    })
}

/// The counts of blobs so far.
#[derive(Debug, Default)]
struct Counts {
    blobs: AtomicU64,
    present: AtomicU64,
    mounted: AtomicU64,
    sent_bytes: AtomicU64,
}

impl Counts {
    fn report(&self, event: CopyEvent<'_>, events: &(dyn Fn(PublishEvent) + Sync)) {
        match event {
            CopyEvent::Blobs { count, bytes } => events(PublishEvent::Blobs { count, bytes }),
            CopyEvent::Progress { descriptor, bytes } => events(PublishEvent::Sending {
                digest: descriptor.digest,
                sent_bytes: bytes,
                total_bytes: descriptor.size,
            }),
            CopyEvent::Blob { descriptor, stored } => {
                self.blobs.fetch_add(1, Ordering::Relaxed);
                match stored {
                    Stored::Present => self.present.fetch_add(1, Ordering::Relaxed),
                    Stored::Mounted => self.mounted.fetch_add(1, Ordering::Relaxed),
                    Stored::Sent => self
                        .sent_bytes
                        .fetch_add(descriptor.size, Ordering::Relaxed),
                };
                events(PublishEvent::Blob {
                    digest: descriptor.digest,
                    size: descriptor.size,
                    stored,
                });
            }
            CopyEvent::Foreign { descriptor } => {
                events(PublishEvent::Foreign(descriptor.clone()));
            }
            CopyEvent::Document { .. } | CopyEvent::Named(_) => {}
        }
    }
}

impl Summary {
    /// The counts with the elapsed time.
    pub(crate) fn in_time(self, time: Duration) -> Self {
        Self { time, ..self }
    }
}
