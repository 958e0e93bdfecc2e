//! [Sigstore bundles](https://docs.sigstore.dev/about/bundle/) of version 0.3 with a
//! [DSSE envelope](https://github.com/secure-systems-lab/dsse/blob/master/protocol.md) and a key: no
//! certificate and no transparency log.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::image::canonical;
use serde::{Deserialize, Serialize};

use super::statement::{self, Statement};
use crate::key::{PrivateKey, PublicKey};

/// The media type of a bundle.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The parts of a bundle that matter for signatures with a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_key: Option<KeyHint>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeyHint {
    #[serde(default)]
    hint: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Signature {
    sig: String,
}

impl Bundle {
    /// Signs a statement.
    pub(crate) fn sign(statement: &Statement, key: &PrivateKey) -> Self {
        let payload = statement.to_bytes();
        let signature = key.sign(&encoding(statement::MEDIA_TYPE, &payload));
        Self {
            media_type: MEDIA_TYPE.to_owned(),
            verification_material: Material {
                public_key: Some(KeyHint {
                    hint: key.public().hint(),
                }),
            },
            dsse_envelope: Envelope {
                payload: STANDARD.encode(payload),
                payload_type: statement::MEDIA_TYPE.to_owned(),
                signatures: vec![Signature {
                    sig: STANDARD.encode(signature),
                }],
            },
        }
    }

    /// Its text, which is the same for equal bundles.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        canonical(self)
    }

    /// Reads a bundle; `None` if it has no DSSE envelope.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The statement in it, signed or not.
    pub(crate) fn statement(&self) -> Option<Statement> {
        let envelope = &self.dsse_envelope;
        let payload = STANDARD.decode(&envelope.payload).ok()?;
        (envelope.payload_type == statement::MEDIA_TYPE)
            .then(|| Statement::parse(&payload))
            .flatten()
    }

    /// Whether the key signed it.
    pub(crate) fn is_signed_by(&self, key: &PublicKey) -> bool {
        let envelope = &self.dsse_envelope;
        let Ok(payload) = STANDARD.decode(&envelope.payload) else {
            return false;
        };
        let message = encoding(&envelope.payload_type, &payload);
        envelope.signatures.iter().any(|signature| {
            let signature = STANDARD.decode(&signature.sig);
            signature.is_ok_and(|signature| key.verifies(&message, &signature))
        })
    }
}

/// DSSE's pre-authentication encoding, which is what is signed.
fn encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let (type_bytes, bytes) = (payload_type.len(), payload.len());
    let mut out = format!("DSSEv1 {type_bytes} {payload_type} {bytes} ").into_bytes();
    out.extend_from_slice(payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pre_authentication_encoding_is_the_specifications() {
        let encoded = encoding("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            encoded,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
