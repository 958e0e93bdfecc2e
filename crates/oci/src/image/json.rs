//! JSON documents: read up to a limit, written in a canonical form.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Descriptor, Kind, MediaType};

/// The largest manifest, index or configuration that is read: 4 MiB, which registries should at least
/// accept, by
/// [distribution-spec](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests).
pub const MAX_DOCUMENT_BYTES: u64 = 4 * 1024 * 1024;

/// Why bytes are not the expected document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// They exceed [`MAX_DOCUMENT_BYTES`].
    #[error("{what} has {size} bytes, more than the {MAX_DOCUMENT_BYTES} allowed")]
    TooLarge {
        /// Which document.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
    },
    /// They are not JSON, or do not have the document's schema.
    #[error("{what} is not valid")]
    Json {
        /// Which document.
        what: &'static str,
        /// The parser's error.
        #[source]
        source: serde_json::Error,
    },
    /// The document contains another media type.
    #[error("{what} has the media type `{actual}`")]
    MediaType {
        /// Which document.
        what: &'static str,
        /// Its `mediaType`.
        actual: MediaType,
    },
    /// It does not refer to another document.
    #[error("{what} has no `subject`")]
    NoSubject {
        /// Which document.
        what: &'static str,
    },
    /// `schemaVersion` is not 2: Docker's old schema, or something newer than this program.
    #[error("{what} has schema version {actual}, but only 2 is supported")]
    SchemaVersion {
        /// Which document.
        what: &'static str,
        /// Its version.
        actual: u32,
    },
}

pub(crate) fn parse<T: DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, DocumentError> {
    let size = bytes.len() as u64;
    if size > MAX_DOCUMENT_BYTES {
        return Err(DocumentError::TooLarge { what, size });
    }
    serde_json::from_slice(bytes).map_err(|source| DocumentError::Json { what, source })
}

/// Checks the schema version and, if the document has one, the media type.
pub(crate) fn check(
    what: &'static str,
    schema_version: u32,
    media_type: Option<&MediaType>,
    kind: Kind,
) -> Result<(), DocumentError> {
    if schema_version != 2 {
        let actual = schema_version;
        return Err(DocumentError::SchemaVersion { what, actual });
    }
    match media_type {
        Some(actual) if actual.kind() != kind => {
            let actual = actual.clone();
            Err(DocumentError::MediaType { what, actual })
        }
        _ => Ok(()),
    }
}

/// A value as JSON without white space, with the keys of every object sorted, so that equal values have
/// equal texts and digests.
///
/// The keys are sorted here because `serde_json` keeps them sorted only unless some crate in the build
/// enables its `preserve_order`, and oci-spec's maps are hash maps.
///
/// # Panics
/// If `value` cannot be represented in JSON, such as a map whose keys are not strings. No document of an
/// image has one.
pub fn canonical(value: &impl Serialize) -> Vec<u8> {
    let value = serde_json::to_value(value).expect("documents have only text keys");
    let mut out = Vec::new();
    write(&value, &mut out);
    out
}

/// The canonical bytes of a document, and their descriptor. The media type of a document that does not contain one is
/// `oci`.
pub(super) fn described(
    document: &impl Serialize,
    media_type: Option<&MediaType>,
    oci: &str,
) -> (Vec<u8>, Descriptor) {
    let bytes = canonical(document);
    let media_type = media_type.cloned().unwrap_or_else(|| oci.into());
    let descriptor = Descriptor::of(media_type, &bytes);
    (bytes, descriptor)
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push(b'{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                scalar(key, out);
                out.push(b':');
                write(value, out);
            }
            out.push(b'}');
        }
        Value::Array(values) => {
            out.push(b'[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(value, out);
            }
            out.push(b']');
        }
        other => scalar(other, out),
    }
}

fn scalar(value: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("writing a scalar to memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let value = serde_json::json!({"b": [{"d": 1, "c": "\u{e9}\n"}], "a": null});
        assert_eq!(
            String::from_utf8(canonical(&value)).unwrap(),
            "{\"a\":null,\"b\":[{\"c\":\"\u{e9}\\n\",\"d\":1}]}"
        );
    }

    #[test]
    fn a_documents_size_is_checked_before_it_is_parsed() {
        let bytes = vec![b' '; usize::try_from(MAX_DOCUMENT_BYTES).unwrap() + 1];
        assert!(matches!(
            parse::<Value>("index", &bytes),
            Err(DocumentError::TooLarge { .. })
        ));
    }
}
