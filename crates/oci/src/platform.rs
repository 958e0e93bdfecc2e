//! Platforms: operating system, architecture and variant, in Go's names for them.
//!
//! [image-spec](https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The platform that an image runs on.
///
/// In an index its fields may have any value, such as `unknown/unknown` for attestations. A platform
/// parsed from text has an operating system and an architecture, normalized as in containerd.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `linux`, …
    pub os: String,
    /// Windows' build number; kept because entries may differ in it alone.
    #[serde(
        rename = "os.version",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
    /// `v7` of `arm`; absent for the architecture's usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A text is not a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a platform: expected OS/ARCHITECTURE[/VARIANT], such as linux/arm64")]
pub struct PlatformError {
    /// What was given.
    pub text: String,
}

impl Platform {
    /// Linux on `architecture`, in Go's or the kernel's name for it.
    pub fn linux(architecture: &str) -> Self {
        let (architecture, variant) = normalize(architecture, None);
        Self {
            architecture,
            os: "linux".to_owned(),
            os_version: None,
            variant,
        }
    }

    /// Linux on the architecture that this program was built for: the platform of this machine's containers.
    pub fn host() -> Self {
        Self::linux(std::env::consts::ARCH)
    }

    /// Whether an image for `self` runs on `machine`: they have the same system and architecture, and the
    /// same variant, or one of them has none.
    pub fn runs_on(&self, machine: &Self) -> bool {
        let (architecture, variant) = normalize(&self.architecture, self.variant.as_deref());
        self.os == machine.os
            && architecture == machine.architecture
            && (variant.is_none() || machine.variant.is_none() || variant == machine.variant)
    }
}

/// Go's name for an architecture, and its variant unless that is the architecture's usual one.
fn normalize(architecture: &str, variant: Option<&str>) -> (String, Option<String>) {
    let architecture = match architecture {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        "i386" | "x86" => "386",
        other => other,
    };
    let usual = match architecture {
        "amd64" => "v1",
        "arm64" => "v8",
        _ => "",
    };
    (
        architecture.to_owned(),
        variant
            .filter(|variant| *variant != usual)
            .map(str::to_owned),
    )
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let error = || PlatformError {
            text: text.chars().take(100).collect(),
        };
        let parts: Vec<&str> = text.split('/').collect();
        let word = |part: &str| {
            !part.is_empty()
                && part.len() <= 32
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(&b))
        };
        if !parts.iter().all(|part| word(part)) {
            return Err(error());
        }
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => return Err(error()),
        };
        let (architecture, variant) = normalize(architecture, variant);
        Ok(Self {
            architecture,
            os: os.to_owned(),
            os_version: None,
            variant,
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant
            .as_deref()
            .map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_normalizes() {
        let check = |text: &str, expected: &str| {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), expected);
        };
        check("linux/arm64", "linux/arm64");
        check("linux/aarch64", "linux/arm64");
        check("linux/arm64/v8", "linux/arm64");
        check("linux/x86_64", "linux/amd64");
        check("linux/arm/v7", "linux/arm/v7");
        for bad in [
            "",
            "linux",
            "linux/",
            "/arm64",
            "linux/arm64/v8/x",
            "Linux/ARM64",
            "a b/c",
        ] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_open_variant_runs_on_any() {
        let platform = |text: &str| text.parse::<Platform>().unwrap();
        assert!(platform("linux/arm64").runs_on(&platform("linux/arm64")));
        assert!(platform("linux/arm").runs_on(&platform("linux/arm/v7")));
        assert!(!platform("linux/arm/v6").runs_on(&platform("linux/arm/v7")));
        assert!(!platform("linux/arm64").runs_on(&platform("linux/amd64")));
        assert!(!platform("windows/amd64").runs_on(&platform("linux/amd64")));
    }

    #[test]
    fn the_form_in_an_index_is_the_specifications() {
        let json = r#"{"architecture":"amd64","os":"windows","os.version":"10.0.14393.1066"}"#;
        let platform: Platform = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&platform).unwrap(), json);
    }
}
