//! The greeting of `GET /`, from a setting or from a file that may change at any time.
//!
//! Kubernetes updates a mounted `ConfigMap` by swapping the symbolic link `..data` to a new directory,
//! so a watch on the file, which is a link and stays one, reports nothing. The file is read every second
//! instead, which is cheap for a kilobyte of tmpfs.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;

use crate::background::{self, FILE_TIMEOUT};

/// The longest greeting: it is copied into every response and into the page.
const MAX_BYTES: usize = 1024;

/// Why a text or a file cannot be the greeting.
#[derive(Debug, Error)]
pub(crate) enum GreetingError {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// Longer than [`MAX_BYTES`].
    #[error("is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Control characters, which would reach the terminals of clients.
    #[error("must be printable text")]
    Control,
    /// The file is not UTF-8.
    #[error("is not UTF-8")]
    Encoding,
    /// The file cannot be read.
    #[error("cannot be read")]
    Read(#[from] io::Error),
    /// The file's volume hangs.
    #[error("cannot be read within {FILE_TIMEOUT:?}")]
    Timeout,
    /// The thread to read it on cannot be started.
    #[error("cannot be read without a thread")]
    Thread,
}

/// The greeting in `text`: trimmed, printable and not too long. Line endings become those of Unix.
pub(crate) fn clean(text: &str) -> Result<String, GreetingError> {
    let text = text.replace("\r\n", "\n");
    let text = text.trim();
    if text.is_empty() {
        Err(GreetingError::Empty)
    } else if text.len() > MAX_BYTES {
        Err(GreetingError::TooLong)
    } else if text.chars().any(|char| char.is_control() && char != '\n') {
        Err(GreetingError::Control)
    } else {
        Ok(text.to_owned())
    }
}

/// Reads a greeting from a file.
pub(crate) fn read(path: &Path) -> Result<String, GreetingError> {
    let mut bytes = Vec::new();
    // One more than fits, and room for the line endings around it.
    File::open(path)?
        .take(MAX_BYTES as u64 + 16)
        .read_to_end(&mut bytes)?;
    clean(std::str::from_utf8(&bytes).map_err(|_| GreetingError::Encoding)?)
}

/// The greeting in force. Readers cache a copy and compare generations, which is one load.
#[derive(Debug)]
pub(crate) struct Greeting {
    generation: AtomicU64,
    text: Mutex<Arc<str>>,
}

impl Greeting {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            generation: AtomicU64::new(1),
            text: Mutex::new(text.into()),
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn text(&self) -> Arc<str> {
        Arc::clone(&self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the greeting; returns `false` if it is the same.
    pub(crate) fn set(&self, text: &str) -> bool {
        let mut held = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if **held == *text {
            return false;
        }
        *held = text.into();
        self.generation.fetch_add(1, Ordering::Release);
        true
    }

    /// Applies the greeting in the file at `path`, and every change of it. A file that cannot be used is
    /// logged once, and the old greeting stays. Never returns; `tried` is notified of the first attempt.
    pub(crate) async fn follow(&self, path: &Path, interval: Duration, tried: oneshot::Sender<()>) {
        let (mut problem, mut tried) = (String::new(), Some(tried));
        loop {
            let file = path.to_owned();
            let mut reading = background::start("greeting", move || read(&file));
            let first = tokio::time::timeout(FILE_TIMEOUT, &mut reading).await;
            let overdue = first.is_err();
            let result = match first {
                Ok(result) => result.unwrap_or(Err(GreetingError::Thread)),
                Err(_) => Err(GreetingError::Timeout),
            };
            self.handle(path, result, &mut problem);
            if let Some(tried) = tried.take() {
                let _ = tried.send(());
            }
            if overdue {
                // At most one thread hangs: the next read waits for this one.
                drop(reading.await);
            } else {
                tokio::time::sleep(interval).await;
            }
        }
    }

    fn handle(&self, path: &Path, read: Result<String, GreetingError>, problem: &mut String) {
        let path = path.display();
        match read {
            Ok(text) => {
                problem.clear();
                if self.set(&text) {
                    tracing::info!(%path, greeting = text, "greeting changed");
                }
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|io| format!(": {io}"));
                let error = format!("{error}{}", cause.unwrap_or_default());
                if error != *problem {
                    tracing::warn!(%path, error, "greeting file ignored");
                    *problem = error;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_printable_and_short() {
        assert_eq!(clean("  hello\n").unwrap(), "hello");
        assert_eq!(clean("two\nlines").unwrap(), "two\nlines");
        assert_eq!(clean("two\r\nlines\r\n").unwrap(), "two\nlines");
        assert!(matches!(clean("a\rb"), Err(GreetingError::Control)));
        assert!(matches!(clean(" \n"), Err(GreetingError::Empty)));
        assert!(matches!(clean("\u{1b}[2J"), Err(GreetingError::Control)));
        assert!(matches!(
            clean(&"x".repeat(1025)),
            Err(GreetingError::TooLong)
        ));
    }

    #[test]
    fn a_file_of_any_size_and_kind_is_refused() {
        assert!(matches!(
            read(Path::new("/dev/zero")),
            Err(GreetingError::TooLong)
        ));
        assert!(matches!(
            read(Path::new("/no/such/file")),
            Err(GreetingError::Read(_))
        ));
    }

    #[test]
    fn a_change_has_a_new_generation() {
        let greeting = Greeting::new("a");
        let before = greeting.generation();
        assert!(!greeting.set("a"));
        assert_eq!(greeting.generation(), before);
        assert!(greeting.set("b"));
        assert_ne!(greeting.generation(), before);
        assert_eq!(&*greeting.text(), "b");
    }
}
