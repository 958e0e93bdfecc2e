//! Which repositories of a registry have a blob, as far as is known in this run.
//!
//! A blob that one repository has is mounted into another if the registry allows it, so the blobs of a base
//! are sent once for several images. If several pushes need the same blob at the same time, one sends it
//! and the others wait.
//!
//! A registry verifies and stores a blob after the last byte has arrived, which takes a while and uses no
//! network. The next blob is sent meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::Digest;

/// How many bodies are sent to a registry at once, for all its repositories. More were not faster, and
/// failed with Amazon ECR.
const BODIES: usize = 4;

/// How many uploads there are at once: those being sent, and those whose response is awaited.
pub(super) const UPLOADS: usize = 8;

/// The knowledge about blobs that the pushes of a run share.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The repositories that have a blob.
    known: BTreeMap<Digest, BTreeSet<String>>,
    /// The blobs that are being sent, and where to.
    sending: BTreeSet<(Digest, String)>,
    /// The number of bodies being sent.
    bodies: usize,
    /// The repositories from which mounts were refused.
    refused: BTreeSet<String>,
}

/// What a push does with a blob.
pub(super) enum Claim<'a> {
    /// The repository has it.
    Present,
    /// It may be mounted from this repository.
    Mount(String),
    /// It is to be sent; others that need it wait until the claim is dropped.
    Send(Sending<'a>),
}

/// A blob that is being sent.
pub(super) struct Sending<'a> {
    blobs: &'a Blobs,
    digest: Digest,
    repository: String,
}

impl Blobs {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a repository has a blob.
    pub(super) fn add(&self, digest: Digest, repository: &str) {
        let mut state = self.lock();
        let known = state.known.entry(digest).or_default();
        known.insert(repository.to_owned());
    }

    /// Records that nothing can be mounted from a repository.
    pub(super) fn refuse(&self, repository: &str) {
        self.lock().refused.insert(repository.to_owned());
        self.changed.notify_all();
    }

    /// Whether a blob can be mounted from `repository`, as far as is known.
    pub(super) fn mounts_from(&self, repository: &str) -> bool {
        !self.lock().refused.contains(repository)
    }

    /// Decides what a push to `repository` does with a blob, once no other push sends it there, or to
    /// a repository that it could be mounted from, and there is room for another upload.
    pub(super) fn claim(&self, digest: Digest, repository: &str) -> Claim<'_> {
        let mut state = self.lock();
        loop {
            if let Some(known) = state.known.get(&digest) {
                if known.contains(repository) {
                    return Claim::Present;
                }
                let source = known.iter().find(|name| !state.refused.contains(*name));
                if let Some(source) = source {
                    return Claim::Mount(source.clone());
                }
            }
            let mut senders = state.sending.iter().filter(|(sent, _)| *sent == digest);
            let waits =
                senders.any(|(_, name)| name == repository || !state.refused.contains(name));
            if !waits && state.sending.len() < UPLOADS {
                let repository = repository.to_owned();
                state.sending.insert((digest, repository.clone()));
                return Claim::Send(Sending {
                    blobs: self,
                    digest,
                    repository,
                });
            }
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until another body may be sent.
    pub(super) fn body(&self) -> BodySlot<'_> {
        let mut state = self.lock();
        while state.bodies == BODIES {
            let woken = self.changed.wait(state);
            state = woken.unwrap_or_else(PoisonError::into_inner);
        }
        state.bodies += 1;
        BodySlot {
            blobs: self,
            held: AtomicBool::new(true),
        }
    }
}

/// The right to send a body, until it is released or dropped.
pub(super) struct BodySlot<'a> {
    blobs: &'a Blobs,
    held: AtomicBool,
}

impl BodySlot<'_> {
    fn release(&self) {
        if self.held.swap(false, Ordering::Relaxed) {
            self.blobs.lock().bodies -= 1;
            self.blobs.changed.notify_all();
        }
    }
}

impl Drop for BodySlot<'_> {
    fn drop(&mut self) {
        self.release();
    }
}

/// A body of `left` bytes, which gives its slot back with the last of them.
pub(super) struct SlottedReader<'a> {
    pub(super) reader: Box<dyn Read + Send + 'a>,
    pub(super) left: u64,
    pub(super) slot: &'a BodySlot<'a>,
}

impl Read for SlottedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        if self.left == 0 {
            self.slot.release();
        }
        Ok(count)
    }
}

impl Sending<'_> {
    /// The repository has the blob now.
    pub(super) fn done(self) {
        self.blobs.add(self.digest, &self.repository);
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        let repository = std::mem::take(&mut self.repository);
        self.blobs.lock().sending.remove(&(self.digest, repository));
        self.blobs.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    fn what(claim: &Claim<'_>) -> String {
        match claim {
            Claim::Present => "present".to_owned(),
            Claim::Mount(from) => format!("mount {from}"),
            Claim::Send(_) => "send".to_owned(),
        }
    }

    #[test]
    fn a_blob_is_sent_once_and_mounted_elsewhere() {
        let (blobs, digest) = (Blobs::default(), Digest::of(b"x"));
        let Claim::Send(sending) = blobs.claim(digest, "a") else {
            panic!("no repository has it");
        };
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let blobs = &blobs;
            scope.spawn(move || sender.send(what(&blobs.claim(digest, "b"))));
            // Another blob does not wait.
            assert_eq!(what(&blobs.claim(Digest::of(b"y"), "b")), "send");
            sending.done();
            assert_eq!(receiver.recv().unwrap(), "mount a");
        });
        assert_eq!(what(&blobs.claim(digest, "a")), "present");
    }

    #[test]
    fn uploads_are_bounded() {
        let blobs = Blobs::default();
        let digest = |number: usize| Digest::of(&[u8::try_from(number).unwrap()]);
        let mut all: Vec<_> = (0..UPLOADS).map(|n| blobs.claim(digest(n), "a")).collect();
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let blobs = &blobs;
            scope.spawn(move || sender.send(what(&blobs.claim(digest(UPLOADS), "a"))));
            assert!(receiver.try_recv().is_err());
            drop(all.pop());
            assert_eq!(receiver.recv().unwrap(), "send");
        });
    }

    #[test]
    fn bodies_are_bounded_until_their_last_byte() {
        let blobs = Blobs::default();
        let slots: Vec<_> = (0..BODIES).map(|_| blobs.body()).collect();
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let blobs = &blobs;
            scope.spawn(move || {
                let _slot = blobs.body();
                sender.send(()).unwrap();
            });
            let mut reader = SlottedReader {
                reader: Box::new(&b"xy"[..]),
                left: 2,
                slot: &slots[0],
            };
            reader.read_exact(&mut [0]).unwrap();
            assert!(receiver.try_recv().is_err());
            reader.read_exact(&mut [0]).unwrap();
            receiver.recv().unwrap();
        });
        drop(slots);
        assert_eq!(blobs.lock().bodies, 0);
    }

    #[test]
    fn a_waiting_push_sends_the_blob_if_the_first_one_failed() {
        let (blobs, digest) = (Blobs::default(), Digest::of(b"x"));
        let first = blobs.claim(digest, "a");
        thread::scope(|scope| {
            let second = scope.spawn(|| what(&blobs.claim(digest, "b")));
            drop(first);
            assert_eq!(second.join().unwrap(), "send");
        });
    }

    #[test]
    fn a_refused_mount_is_neither_retried_nor_awaited() {
        let (blobs, digest) = (Blobs::default(), Digest::of(b"x"));
        blobs.add(digest, "a");
        assert_eq!(what(&blobs.claim(digest, "b")), "mount a");
        blobs.refuse("a");
        let first = blobs.claim(digest, "b");
        assert_eq!(what(&first), "send");
        blobs.refuse("b");
        assert_eq!(what(&blobs.claim(digest, "c")), "send");
    }
}
