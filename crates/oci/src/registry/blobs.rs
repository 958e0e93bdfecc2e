//! Which repositories of a registry have a blob, as far as this run knows.
//!
//! A blob that one repository has is mounted into another where the registry allows it, so several
//! images with one base send it once. Of several pushes of one blob at the same time one sends it, and
//! the others wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::Digest;

/// How many blobs are sent to a registry at once, for all its repositories. More sockets were not
/// faster, and failed against Amazon ECR.
const UPLOADS: usize = 4;

/// What the pushes of a run know of blobs.
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
    /// The repositories that nothing could be mounted from.
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

/// A blob on its way.
pub(super) struct Sending<'a> {
    blobs: &'a Blobs,
    digest: Digest,
    repository: String,
}

impl Blobs {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that a repository has a blob.
    pub(super) fn add(&self, digest: Digest, repository: &str) {
        let mut state = self.lock();
        let known = state.known.entry(digest).or_default();
        known.insert(repository.to_owned());
    }

    /// Remembers that nothing can be mounted from a repository.
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
            panic!("nobody has it");
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
    fn whoever_waits_sends_where_the_first_failed() {
        let (blobs, digest) = (Blobs::default(), Digest::of(b"x"));
        let first = blobs.claim(digest, "a");
        thread::scope(|scope| {
            let second = scope.spawn(|| what(&blobs.claim(digest, "b")));
            drop(first);
            assert_eq!(second.join().unwrap(), "send");
        });
    }

    #[test]
    fn a_refused_mount_is_not_tried_again_nor_waited_for() {
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
