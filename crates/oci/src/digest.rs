//! Content digests, `sha256:<64 lower-case hex digits>`.
//!
//! [image-spec](https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests)
//! also registers sha512 and blake3. No registry in use stores content by them, so they are refused with
//! an error of their own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// The SHA-256 digest of some content.
///
/// A value is always well-formed, so its text is safe in a path and in a URL.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 32]);

/// Why a text is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// It does not begin with `algorithm:`.
    #[error("`{text}` is not a digest: expected `sha256:` and 64 hex digits")]
    NoAlgorithm {
        /// What was given, cut to a length that fits a line.
        text: String,
    },
    /// Its algorithm is not sha256.
    #[error("digest algorithm `{algorithm}` is not supported, only sha256")]
    Algorithm {
        /// The algorithm named.
        algorithm: String,
    },
    /// What follows `sha256:` is not 64 lower-case hex digits.
    #[error("`{text}` is not a digest: expected 64 lower-case hex digits after `sha256:`")]
    Hex {
        /// What was given, cut to a length that fits a line.
        text: String,
    },
}

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The 64 hex digits, without the algorithm: the name of the blob in a layout.
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.0
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
            .collect()
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The name of the algorithm: the directory of the blob in a layout.
    pub const fn algorithm(&self) -> &'static str {
        "sha256"
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let shown = || text.chars().take(100).collect::<String>();
        let (algorithm, hex) = text
            .split_once(':')
            .ok_or_else(|| DigestError::NoAlgorithm { text: shown() })?;
        if algorithm != "sha256" {
            let algorithm = algorithm.chars().take(40).collect();
            return Err(DigestError::Algorithm { algorithm });
        }
        parse_hex(hex.as_bytes())
            .map(Self)
            .ok_or_else(|| DigestError::Hex { text: shown() })
    }
}

fn parse_hex(hex: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Computes the digest and size of a stream.
#[derive(Clone, Default)]
pub struct Hasher {
    state: sha2::Sha256,
    size: u64,
}

impl Hasher {
    /// A hasher without input so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// The number of bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The digest and number of the bytes.
    pub fn finish(self) -> (Digest, u64) {
        (Digest(self.state.finalize().into()), self.size)
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_empty_content_has_its_known_digest() {
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        assert_eq!(Hasher::new().finish(), (EMPTY.parse().unwrap(), 0));
    }

    #[test]
    fn invalid_digests_are_distinguished() {
        let check = |text: &str, expected: &str| {
            assert_eq!(text.parse::<Digest>().unwrap_err().to_string(), expected);
        };
        check(
            "x",
            "`x` is not a digest: expected `sha256:` and 64 hex digits",
        );
        check(
            "md5:x",
            "digest algorithm `md5` is not supported, only sha256",
        );
        check(
            "SHA256:x",
            "digest algorithm `SHA256` is not supported, only sha256",
        );
        check(
            "sha256:../../../etc/passwd",
            "`sha256:../../../etc/passwd` is not a digest: expected 64 lower-case hex digits \
             after `sha256:`",
        );
        assert!(
            EMPTY
                .to_uppercase()
                .replace("SHA", "sha")
                .parse::<Digest>()
                .is_err()
        );
        assert!(EMPTY[..70].parse::<Digest>().is_err());
        assert!(format!("{EMPTY}0").parse::<Digest>().is_err());
    }

    proptest! {
        #[test]
        fn text_round_trips(bytes in any::<[u8; 32]>()) {
            let digest = Digest(bytes);
            prop_assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
            let json = serde_json::to_string(&digest).unwrap();
            prop_assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = text.parse::<Digest>();
            let _ = format!("sha256:{text}").parse::<Digest>();
        }

        #[test]
        fn pieces_hash_as_the_whole(pieces in prop::collection::vec(any::<Vec<u8>>(), 0..5)) {
            let mut hasher = Hasher::new();
            for piece in &pieces {
                hasher.update(piece);
            }
            let whole = pieces.concat();
            prop_assert_eq!(hasher.finish(), (Digest::of(&whole), whole.len() as u64));
        }
    }
}
