//! Keys for signatures: ECDSA on P-256 with SHA-256, which is what cosign creates. They are only read, never
//! created.
//!
//! Signatures are deterministic ([RFC 6979](https://www.rfc-editor.org/rfc/rfc6979)), so an image that is
//! built and signed again has the same signature, and nothing is stored twice.

mod encrypted;
mod error;
mod pem;
mod private;
mod public;

#[cfg(test)]
pub(crate) use encrypted::DecryptError;
pub(crate) use error::KeyError;
pub(crate) use private::PrivateKey;
pub(crate) use public::PublicKey;
