//! What `GET /` says.

use thiserror::Error;

/// The longest greeting: it is copied into an answer's head and into the page.
const MAX_BYTES: usize = 1024;

/// Why a text is no greeting.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum GreetingError {
    /// Nothing is left after trimming.
    #[error("must not be empty")]
    Empty,
    /// Longer than [`MAX_BYTES`].
    #[error("is {0} bytes long; {MAX_BYTES} is the most")]
    TooLong(usize),
    /// Control characters would end up on somebody's terminal.
    #[error("must be printable text")]
    Control,
}

/// The greeting that `text` holds: trimmed, printable and of a sane size.
pub(crate) fn clean(text: &str) -> Result<String, GreetingError> {
    let text = text.trim();
    if text.is_empty() {
        Err(GreetingError::Empty)
    } else if text.len() > MAX_BYTES {
        Err(GreetingError::TooLong(text.len()))
    } else if text.chars().any(|char| char.is_control() && char != '\n') {
        Err(GreetingError::Control)
    } else {
        Ok(text.to_owned())
    }
}
