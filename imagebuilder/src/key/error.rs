//! Why keys cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use super::encrypted::DecryptError;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("cannot read the key `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file does not contain the expected kind of key.
    #[error("`{}` has no {wanted}: it is {found}", path.display())]
    Kind {
        path: PathBuf,
        wanted: &'static str,
        found: String,
    },
    /// The key is encrypted and no password is set.
    #[error("the key `{}` is encrypted, and COSIGN_PASSWORD is not set", path.display())]
    NoPassword { path: PathBuf },
    #[error("cannot decrypt the key `{}`", path.display())]
    Decrypt {
        path: PathBuf,
        #[source]
        source: DecryptError,
    },
    /// The key is not an ECDSA key on P-256, or is damaged.
    #[error("`{}` is not a valid ECDSA key on the curve P-256", path.display())]
    Invalid { path: PathBuf },
}

impl KeyError {
    /// The error for a file that is not a `wanted`, but has the PEM label `label`.
    pub(super) fn kind(path: &Path, wanted: &'static str, label: Option<&str>) -> Self {
        Self::Kind {
            path: path.to_owned(),
            wanted,
            found: label.map_or_else(|| "not PEM".to_owned(), |label| format!("a `{label}`")),
        }
    }
}
