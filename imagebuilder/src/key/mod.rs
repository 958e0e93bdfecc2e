//! Keys for signatures: ECDSA on P-256 with SHA-256, which is what cosign creates.
//!
//! Signatures are deterministic ([RFC 6979](https://www.rfc-editor.org/rfc/rfc6979)), so an image that is
//! built and signed again has the same signature, and nothing is stored twice.

mod encrypted;
mod private;
mod public;

pub(crate) use encrypted::DecryptError;
pub(crate) use private::PrivateKey;
pub(crate) use public::PublicKey;

use std::path::PathBuf;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("cannot read the key `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
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

/// The label of a PEM file, for an error.
fn label(pem: &str) -> String {
    let begin = pem.lines().find_map(|line| {
        line.trim()
            .strip_prefix("-----BEGIN ")?
            .strip_suffix("-----")
    });
    begin.map_or_else(|| "not PEM".to_owned(), |label| format!("a `{label}`"))
}

/// The bytes between the lines of a PEM file.
fn body(pem: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let lines = pem.lines().map(str::trim);
    let text: String = lines
        .skip_while(|line| !line.starts_with("-----BEGIN "))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END "))
        .collect();
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
