//! Public keys.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::Digest;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};

use super::error::KeyError;
use super::pem::{body, label};

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey(VerifyingKey);

impl PublicKey {
    pub(super) fn new(key: VerifyingKey) -> Self {
        Self(key)
    }

    /// Reads a key as OpenSSL and cosign write it, a `PUBLIC KEY` in PEM.
    pub(crate) fn read(path: &Path) -> Result<Self, KeyError> {
        let pem = std::fs::read_to_string(path).map_err(|source| KeyError::Read {
            path: path.to_owned(),
            source,
        })?;
        let label = label(&pem);
        if label != Some("PUBLIC KEY") {
            return Err(KeyError::kind(path, "public key", label));
        }
        let key = body(&pem).and_then(|der| VerifyingKey::from_public_key_der(&der).ok());
        key.map(Self).ok_or_else(|| KeyError::Invalid {
            path: path.to_owned(),
        })
    }

    /// Whether `signature`, in ASN.1, is a valid signature of `message` by this key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let signature = DerSignature::from_bytes(signature);
        signature.is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }

    /// Its hint in Sigstore bundles: the SHA-256 of its DER, in base64.
    pub(crate) fn hint(&self) -> String {
        let der = self.0.to_public_key_der();
        let der = der.expect("a key on this curve can be encoded");
        STANDARD.encode(Digest::of(der.as_bytes()).bytes())
    }
}
