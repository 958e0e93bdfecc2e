//! What `GET /` says, from a setting or from a file that may change at any time.
//!
//! Kubernetes updates a mounted `ConfigMap` by swapping the symbolic link `..data` to a new directory,
//! so a watch on the file sees nothing: it is a link, and stays one. The file is read again each
//! second instead, which is cheap for a kilobyte of tmpfs.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

/// The longest greeting: it is copied into every answer and into the page.
const MAX_BYTES: usize = 1024;

/// Why a text or a file is no greeting.
#[derive(Debug, Error)]
pub(crate) enum GreetingError {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// Longer than [`MAX_BYTES`].
    #[error("is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// Control characters would end up on somebody's terminal.
    #[error("must be printable text")]
    Control,
    /// The file is not UTF-8.
    #[error("is not UTF-8")]
    Encoding,
    /// The file cannot be read.
    #[error("cannot be read")]
    Read(#[from] io::Error),
}

/// The greeting that `text` holds: trimmed, printable and of a sane size.
pub(crate) fn clean(text: &str) -> Result<String, GreetingError> {
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
    // One more than fits, and room for the line ends around it.
    File::open(path)?
        .take(MAX_BYTES as u64 + 16)
        .read_to_end(&mut bytes)?;
    clean(std::str::from_utf8(&bytes).map_err(|_| GreetingError::Encoding)?)
}

/// The greeting in force. Readers keep a copy and compare generations, which is one load.
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

    /// Puts another greeting into force; `false` where it is the same.
    pub(crate) fn set(&self, text: &str) -> bool {
        let mut held = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if **held == *text {
            return false;
        }
        *held = text.into();
        self.generation.fetch_add(1, Ordering::Release);
        true
    }

    /// Reads `path` again and again. What cannot be used is logged once, and the old greeting stays.
    pub(crate) async fn follow(&self, path: &Path, interval: std::time::Duration) {
        let mut complaint = String::new();
        loop {
            match read(path) {
                Ok(text) => {
                    complaint.clear();
                    if self.set(&text) {
                        tracing::info!(path = %path.display(), greeting = text, "greeting changed");
                    }
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(|io| format!(": {io}"));
                    let error = format!("{error}{}", cause.unwrap_or_default());
                    if error != complaint {
                        tracing::warn!(path = %path.display(), error, "greeting file kept aside");
                        complaint = error;
                    }
                }
            }
            tokio::time::sleep(interval).await;
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
        assert!(matches!(clean(" \n"), Err(GreetingError::Empty)));
        assert!(matches!(clean("\u{1b}[2J"), Err(GreetingError::Control)));
        assert!(matches!(
            clean(&"x".repeat(1025)),
            Err(GreetingError::TooLong)
        ));
    }

    #[test]
    fn a_file_of_any_size_and_kind_is_refused_in_peace() {
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
