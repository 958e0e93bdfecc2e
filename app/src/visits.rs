//! The persistent visit counter: one number in a directory that pods may share (EBS, EFS, local).
//!
//! Visits are counted in memory and added to the file every half second and at the end of a drain,
//! so that no request waits for a disk. Adding reads the number, writes the sum to a new file, syncs it and
//! renames it over the old one, under an exclusive lock on a separate file. No matter when a pod is killed,
//! the file contains one whole number in which no visit counts twice, and at most the pod's last half second
//! is lost. The lock is flock(2), which the kernel supports over NFS 4, and so over EFS.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;

/// How often visits are saved.
const INTERVAL: Duration = Duration::from_millis(500);

/// Why visits cannot be saved.
#[derive(Debug, Error)]
pub(crate) enum VisitsError {
    /// A file operation failed.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The operation.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the kernel.
        source: io::Error,
    },
    /// The file does not contain a number, and is left as it is.
    #[error("{} does not contain a number; move it away to start again at 0", path.display())]
    NoNumber {
        /// The file.
        path: PathBuf,
    },
}

/// The file.
#[derive(Debug)]
pub(crate) struct Store {
    directory: PathBuf,
}

impl Store {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Adds `count` to the number in the file, and returns the sum after it was synced to the disk.
    pub(crate) fn add(&self, count: u64) -> Result<u64, VisitsError> {
        let file = |name: &str| self.directory.join(name);
        let at = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| VisitsError::Io {
                doing,
                path,
                source,
            }
        };
        let lock_path = file("visits.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(at("open", &lock_path))?;
        lock.lock().map_err(at("lock", &lock_path))?;

        let path = file("visits");
        let before = match read(&path) {
            Ok(text) => text
                .trim()
                .parse::<u64>()
                .map_err(|_| VisitsError::NoNumber { path: path.clone() })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(VisitsError::NoNumber { path });
            }
            Err(error) => return Err(at("read", &path)(error)),
        };
        if count == 0 {
            return Ok(before);
        }
        let after = before.saturating_add(count);
        // Its name is fixed: a file that a killed process left is overwritten, under the same lock.
        let beside = file("visits.new");
        let mut new = File::create(&beside).map_err(at("create", &beside))?;
        new.write_all(format!("{after}\n").as_bytes())
            .and_then(|()| new.sync_all())
            .map_err(at("write", &beside))?;
        fs::rename(&beside, &path).map_err(at("replace", &path))?;
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(at("sync", &self.directory))?;
        Ok(after)
    }
}

/// The beginning of a file, long enough for a number.
fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(32).read_to_string(&mut text)?;
    Ok(text)
}

/// The counter of this process.
#[derive(Debug, Default)]
pub(crate) struct Visits {
    enabled: bool,
    /// Visits that are not saved yet.
    pending: AtomicU64,
    /// The number of all pods, when it was last saved.
    saved: AtomicU64,
    known: AtomicBool,
    /// Saves that failed.
    pub(crate) errors: AtomicU64,
    thread: Mutex<Option<(SyncSender<()>, JoinHandle<()>)>>,
}

impl Visits {
    /// Starts counting if there is a directory.
    pub(crate) fn start(directory: Option<PathBuf>) -> Arc<Self> {
        let visits = Arc::new(Self {
            enabled: directory.is_some(),
            ..Self::default()
        });
        if let Some(directory) = directory {
            let (stop, stopped) = mpsc::sync_channel(1);
            let counter = Arc::clone(&visits);
            let spawned = std::thread::Builder::new()
                .name("visits".to_owned())
                .spawn(move || {
                    let store = Store::new(directory);
                    let mut complaint = String::new();
                    loop {
                        counter.save(&store, &mut complaint);
                        match stopped.recv_timeout(INTERVAL) {
                            Err(RecvTimeoutError::Timeout) => {}
                            Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
                        }
                    }
                    counter.save(&store, &mut complaint);
                });
            match spawned {
                Ok(handle) => *visits.thread() = Some((stop, handle)),
                Err(error) => tracing::error!(%error, "cannot start the visits thread"),
            }
        }
        visits
    }

    fn thread(&self) -> std::sync::MutexGuard<'_, Option<(SyncSender<()>, JoinHandle<()>)>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one.
    pub(crate) fn count(&self) {
        if self.enabled {
            self.pending.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The visits of all pods as far as this process knows; `None` without a directory, or not yet.
    pub(crate) fn total(&self) -> Option<u64> {
        let known = self.known.load(Ordering::Acquire);
        known.then(|| self.saved.load(Ordering::Relaxed) + self.pending.load(Ordering::Relaxed))
    }

    fn save(&self, store: &Store, complaint: &mut String) {
        let pending = self.pending.swap(0, Ordering::Relaxed);
        match store.add(pending) {
            Ok(total) => {
                self.saved.store(total, Ordering::Relaxed);
                self.known.store(true, Ordering::Release);
                complaint.clear();
            }
            Err(error) => {
                // Kept for the next save: the volume may come back.
                self.pending.fetch_add(pending, Ordering::Relaxed);
                self.errors.fetch_add(1, Ordering::Relaxed);
                let cause = std::error::Error::source(&error).map(|io| format!(": {io}"));
                let error = format!("{error}{}", cause.unwrap_or_default());
                if error != *complaint {
                    tracing::error!(error, "cannot save visits");
                    *complaint = error;
                }
            }
        }
    }

    /// Saves pending visits and stops; gives up after `timeout`, because a volume may hang.
    pub(crate) fn stop(&self, timeout: Duration) {
        let Some((stop, handle)) = self.thread().take() else {
            return;
        };
        let _ = stop.try_send(());
        let turn = Duration::from_millis(5);
        let mut waited = Duration::ZERO;
        while !handle.is_finished() && waited < timeout {
            std::thread::sleep(turn);
            waited += turn;
        }
        if !handle.is_finished() {
            tracing::error!("cannot save the last visits: the volume hangs");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrent_additions_lose_nothing() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let store = Store::new(directory.path().to_owned());
                    for _ in 0..25 {
                        store.add(2).unwrap();
                    }
                });
            }
        });
        assert_eq!(Store::new(directory.path().to_owned()).add(0).unwrap(), 400);
    }

    #[test]
    fn files_of_a_killed_process_do_no_harm() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().to_owned());
        store.add(7).unwrap();
        fs::write(directory.path().join("visits.new"), "99").unwrap();
        assert_eq!(store.add(1).unwrap(), 8);
    }

    #[test]
    fn a_file_without_a_number_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("visits");
        for content in [
            &b"many"[..],
            b"",
            b"-1",
            b"\xff\xfe",
            b"123456789012345678901234567890",
        ] {
            fs::write(&path, content).unwrap();
            let error = Store::new(directory.path().to_owned()).add(1).unwrap_err();
            assert!(error.to_string().contains("visits"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn a_counter_saves_when_it_stops() {
        let directory = tempfile::tempdir().unwrap();
        let visits = Visits::start(Some(directory.path().to_owned()));
        for _ in 0..5 {
            visits.count();
        }
        visits.stop(Duration::from_secs(5));
        assert_eq!(
            fs::read_to_string(directory.path().join("visits")).unwrap(),
            "5\n"
        );
        assert_eq!(visits.total(), Some(5));
    }
}
