//! Signatures that are not accepted.

use std::fmt;

use oci::Digest;

/// A signature that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Its manifest.
    pub(super) signature: Digest,
    pub(super) why: Why,
}

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It does not parse.
    Malformed,
    /// The key did not sign it.
    OtherKey,
    /// It is a signature of another image.
    OtherImage,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Malformed => "is malformed",
            Why::OtherKey => "is by another key, or forged",
            Why::OtherImage => "is of another image",
        };
        write!(f, "{} {why}", self.signature)
    }
}
