//! The name of a capability, as a security context writes it.

use std::fmt;

use oci_spec::runtime::Capability;
use serde::{Deserialize, Serialize};

/// A capability, without the `CAP_` in front, or `ALL`.
///
/// A name with the prefix is refused: containerd's CRI plugin turns it into `CAP_CAP_…`, which runc
/// ignores, so that the capability would not be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CapabilityName {
    /// Every capability.
    All,
    /// One capability.
    One(Capability),
}

/// A text that does not name a capability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown capability `{0}`: expected a name from capabilities(7) without the prefix CAP_, such as NET_BIND_SERVICE"
)]
pub struct CapabilityError(String);

impl TryFrom<String> for CapabilityName {
    type Error = CapabilityError;

    fn try_from(text: String) -> Result<Self, CapabilityError> {
        let name = text.to_ascii_uppercase();
        if name == "ALL" {
            return Ok(Self::All);
        }
        match name.parse() {
            Ok(capability) => Ok(Self::One(capability)),
            Err(_) => Err(CapabilityError(text)),
        }
    }
}

impl fmt::Display for CapabilityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("ALL"),
            Self::One(capability) => write!(f, "{capability}"),
        }
    }
}

impl From<CapabilityName> for String {
    fn from(name: CapabilityName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_parsed_in_any_case_and_without_its_prefix() {
        let parse = |text: &str| CapabilityName::try_from(text.to_owned());
        let chown = Ok(CapabilityName::One(Capability::Chown));
        assert_eq!(parse("CHOWN"), chown);
        assert_eq!(parse("chown"), chown);
        assert_eq!(parse("ALL"), Ok(CapabilityName::All));
        for text in ["FLY", "", "CAP_CHOWN", "CAP_ALL", "NET_ADMIN "] {
            assert!(parse(text).is_err(), "{text}");
        }
        let written = String::from(CapabilityName::One(Capability::Chown));
        assert_eq!(parse(&written), chown);
    }
}
