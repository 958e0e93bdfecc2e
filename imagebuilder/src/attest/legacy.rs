//! cosign's signatures before bundles: a manifest under the tag `sha256-….sig`, whose layers are
//! [payloads](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md) with the signature as
//! an annotation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::image::{DocumentError, Manifest, canonical};
use oci::registry::{RegistryError, Repository};
use oci::{Descriptor, Digest, MediaType};
use serde::Deserialize;
use serde_json::json;

use super::refused::Why;
use crate::image_source::{ImageSource, SourceError};
use crate::key::{PrivateKey, PublicKey};

const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const TYPE: &str = "cosign container image signature";

/// The largest payload that is read.
const MAX_PAYLOAD_BYTES: u64 = 64 * 1024;

/// Why the tag could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignatureTagError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("cannot parse the manifest of the tag `{tag}`")]
    Document {
        tag: String,
        #[source]
        source: DocumentError,
    },
}

#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
    #[serde(rename = "type")]
    type_: String,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

fn tag_of(subject: &Digest) -> String {
    format!("{}-{}.sig", subject.algorithm(), subject.hex())
}

/// Signs the image `subject` of a repository, which is called `name`, under its tag. Existing signatures
/// are kept.
pub(crate) fn sign(
    repository: &Repository,
    name: &str,
    subject: &Digest,
    key: &PrivateKey,
) -> Result<(), SignatureTagError> {
    let payload = canonical(&json!({
        "critical": {
            "identity": {"docker-reference": name},
            "image": {"docker-manifest-digest": subject},
            "type": TYPE,
        },
        "optional": null,
    }));
    let mut layer = Descriptor::of(PAYLOAD, &payload);
    let signature = STANDARD.encode(key.sign(&payload));
    let annotation = (SIGNATURE.to_owned(), signature);
    layer.annotations.extend([annotation]);
    let tag = tag_of(subject);
    let mut layers = match repository.resolve(&tag)? {
        Some(_) => {
            let bytes = repository.manifest(&tag)?.bytes;
            let manifest = Manifest::parse(&bytes);
            let manifest = manifest.map_err(|source| SignatureTagError::Document {
                tag: tag.clone(),
                source,
            })?;
            manifest.layers
        }
        None => Vec::new(),
    };
    if layers.contains(&layer) {
        return Ok(());
    }
    layers.push(layer.clone());
    let config = config(&layers);
    let described = Descriptor::of(MediaType::OCI_CONFIG, &config);
    for (descriptor, bytes) in [(&layer, &payload), (&described, &config)] {
        repository.push_blob(descriptor, &|| {
            Ok(Box::new(std::io::Cursor::new(bytes.clone())))
        })?;
    }
    let (bytes, descriptor) = Manifest::new(described, layers).to_bytes();
    repository.tag(&tag, &descriptor.media_type, &bytes)?;
    Ok(())
}

/// The configuration that cosign writes: an image without a platform.
fn config(layers: &[Descriptor]) -> Vec<u8> {
    let never = "0001-01-01T00:00:00Z";
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.digest).collect();
    let history: Vec<_> = layers.iter().map(|_| json!({"created": never})).collect();
    canonical(&json!({
        "architecture": "",
        "config": {},
        "created": never,
        "history": history,
        "os": "",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }))
}

/// A signature, and whether it is valid.
pub(super) type Checked = (Digest, Result<(), Why>);

/// The signatures under the tag of an image, and whether each is valid. A layout has no tags.
pub(super) fn check(
    source: &ImageSource,
    subject: &Descriptor,
    key: &PublicKey,
) -> Result<Vec<Checked>, SourceError> {
    let ImageSource::Registry(repository) = source else {
        return Ok(Vec::new());
    };
    let tag = tag_of(&subject.digest);
    if repository.resolve(&tag)?.is_none() {
        return Ok(Vec::new());
    }
    let document = repository.manifest(&tag)?;
    let digest = document.descriptor.digest;
    let manifest = Manifest::parse(&document.bytes);
    let manifest = manifest.map_err(|source| SourceError::Document { digest, source })?;
    let mut found = Vec::new();
    for layer in manifest.layers {
        if layer.media_type.as_str() == PAYLOAD {
            let payload = source.blob(&layer, MAX_PAYLOAD_BYTES)?;
            let outcome = holds(&layer, &payload, &subject.digest, key);
            found.push((layer.digest, outcome));
        }
    }
    Ok(found)
}

fn holds(layer: &Descriptor, payload: &[u8], subject: &Digest, key: &PublicKey) -> Result<(), Why> {
    let signature = layer.annotations.get(SIGNATURE).ok_or(Why::Malformed)?;
    let signature = STANDARD.decode(signature).map_err(|_| Why::Malformed)?;
    if !key.verifies(payload, &signature) {
        return Err(Why::OtherKey);
    }
    let Payload { critical } = serde_json::from_slice(payload).map_err(|_| Why::Malformed)?;
    if critical.type_ == TYPE && critical.image.digest == subject.to_string() {
        Ok(())
    } else {
        Err(Why::OtherImage)
    }
}
