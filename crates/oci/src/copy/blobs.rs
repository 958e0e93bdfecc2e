//! Copies blobs with several workers, and reports their progress.

use std::io::{self, Read};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::destination::Destination;
use super::error::{Copied, CopyError};
use super::event::CopyEvent;
use super::source::Source;
use crate::Descriptor;

/// Reports how much of a blob has been read.
struct ProgressReader<'a> {
    reader: Box<dyn Read + Send>,
    descriptor: &'a Descriptor,
    bytes: u64,
    events: &'a (dyn Fn(CopyEvent<'_>) + Sync),
}

impl<'a> ProgressReader<'a> {
    fn new(
        reader: Box<dyn Read + Send>,
        descriptor: &'a Descriptor,
        events: &'a (dyn Fn(CopyEvent<'_>) + Sync),
    ) -> Self {
        let reader = Self {
            reader,
            descriptor,
            bytes: 0,
            events,
        };
        reader.report();
        reader
    }

    fn report(&self) {
        let (descriptor, bytes) = (self.descriptor, self.bytes);
        (self.events)(CopyEvent::Progress { descriptor, bytes });
    }
}

impl Read for ProgressReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes += count as u64;
        self.report();
        Ok(count)
    }
}

/// Copies blobs with a few workers; the first failure stops the others at their next blob.
pub(super) fn copy<S: Source, D: Destination>(
    source: &S,
    destination: &D,
    blobs: &[Descriptor],
    events: &(dyn Fn(CopyEvent<'_>) + Sync),
) -> Copied<(), S, D> {
    let next = AtomicUsize::new(0);
    let stopped = AtomicBool::new(false);
    let failure = Mutex::new(None);
    let work = || {
        while !stopped.load(Ordering::Relaxed)
            && let Some(descriptor) = blobs.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let open = || -> io::Result<Box<dyn Read + Send + '_>> {
                let reader = source.open(descriptor)?;
                Ok(Box::new(ProgressReader::new(reader, descriptor, events)))
            };
            match destination.put_blob(descriptor, &open) {
                Ok(stored) => events(CopyEvent::Blob { descriptor, stored }),
                Err(source) => {
                    stopped.store(true, Ordering::Relaxed);
                    let error = CopyError::Write {
                        digest: descriptor.digest,
                        source,
                    };
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    failure.get_or_insert(error);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..destination.workers().min(blobs.len()) {
            scope.spawn(work);
        }
        work();
    });
    failure
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .map_or(Ok(()), Err)
}
