//! One build at a time for a target and profile.
//!
//! Cargo's own lock ends with Cargo. Another build may then replace the binaries before they are opened, with
//! other features for example.

use std::fs::{self, File, TryLockError};
use std::io;

use super::build::Builder;
use super::error::BuildError;
use super::event::Event;
use crate::target::Target;

/// The turn of this build. It lasts until this is dropped, or the process exits.
pub(super) struct Turn {
    _lock: File,
}

impl Builder {
    /// Waits for this build's turn.
    pub(super) fn turn(
        &self,
        target: Target,
        events: &mut dyn FnMut(Event),
    ) -> Result<Turn, BuildError> {
        let directory = self.workspace.target_dir();
        let profile = &self.options.cargo.profile;
        let path = directory.join(format!(".imagebuilder-{}-{profile}.lock", target.triple));
        let mut lock = || -> io::Result<Turn> {
            fs::create_dir_all(directory)?;
            let file = File::options().create(true).append(true).open(&path)?;
            let locked = match file.try_lock() {
                Ok(()) => Ok(()),
                Err(TryLockError::WouldBlock) => {
                    events(Event::Waiting { target });
                    file.lock()
                }
                Err(TryLockError::Error(error)) => Err(error),
            };
            match locked {
                // As Cargo, on a file system without locks.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
                locked => locked?,
            }
            Ok(Turn { _lock: file })
        };
        lock().map_err(|source| BuildError::Lock {
            path: path.clone(),
            source,
        })
    }
}
