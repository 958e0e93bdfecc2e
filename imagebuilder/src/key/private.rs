//! Private keys.

use std::path::Path;

use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;

use super::encrypted;
use super::error::KeyError;
use super::pem::{body, label};
use super::public::PublicKey;

/// The labels of cosign's encrypted keys, now and before version 2.
const ENCRYPTED: [&str; 2] = [
    "ENCRYPTED SIGSTORE PRIVATE KEY",
    "ENCRYPTED COSIGN PRIVATE KEY",
];

/// A private key.
#[derive(Clone, Debug)]
pub(crate) struct PrivateKey(SigningKey);

impl PrivateKey {
    /// Reads a key: PKCS#8 as OpenSSL and Go write it, SEC 1, or cosign's encrypted form, whose
    /// password is `password`.
    pub(crate) fn read(path: &Path, password: Option<&str>) -> Result<Self, KeyError> {
        let pem = std::fs::read_to_string(path).map_err(|source| KeyError::Read {
            path: path.to_owned(),
            source,
        })?;
        let invalid = || KeyError::Invalid {
            path: path.to_owned(),
        };
        let key = match label(&pem) {
            Some("PRIVATE KEY") => {
                let der = body(&pem).ok_or_else(invalid)?;
                SigningKey::from_pkcs8_der(&der).map_err(|_| invalid())?
            }
            Some("EC PRIVATE KEY") => {
                let der = body(&pem).ok_or_else(invalid)?;
                let key = SecretKey::from_sec1_der(&der).map_err(|_| invalid())?;
                SigningKey::from(key)
            }
            Some(label) if ENCRYPTED.contains(&label) => {
                let password = password.ok_or_else(|| KeyError::NoPassword {
                    path: path.to_owned(),
                })?;
                let container = body(&pem).ok_or_else(invalid)?;
                let der = encrypted::decrypt(&container, password.as_bytes());
                let der = der.map_err(|source| KeyError::Decrypt {
                    path: path.to_owned(),
                    source,
                })?;
                SigningKey::from_pkcs8_der(&der).map_err(|_| invalid())?
            }
            label => return Err(KeyError::kind(path, "private key", label)),
        };
        Ok(Self(key))
    }

    /// The signature of a message, in ASN.1.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_der().as_bytes().to_vec()
    }

    /// The key that verifies its signatures.
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey::new(*self.0.verifying_key())
    }
}
