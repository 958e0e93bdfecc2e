//! The prefix of an image's name: a registry, and a path in it.

use std::fmt;
use std::str::FromStr;

use oci::{Reference, ReferenceError};

/// `REGISTRY[/PATH]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    text: String,
    registry: String,
}

/// A text is not a prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PrefixError {
    #[error("`{text}` names no registry: write it in front, such as docker.io/{text}")]
    NoRegistry { text: String },
    #[error("expected REGISTRY[/PATH], such as docker.io/team")]
    Empty,
    #[error("`{text}` has a tag or a digest, which a prefix cannot have")]
    Tagged { text: String },
    #[error("`{text}` is not a prefix: {problem}")]
    Malformed { text: String, problem: &'static str },
    #[error(transparent)]
    Reference(ReferenceError),
}

impl PrefixError {
    /// Why `text` with a name appended is not a reference.
    fn of(text: &str, error: ReferenceError) -> Self {
        let is_tagged = |reference: Reference| reference.tag().is_some();
        if text.contains('@') || text.parse().is_ok_and(is_tagged) {
            let text = text.to_owned();
            return Self::Tagged { text };
        }
        match error {
            ReferenceError::Malformed { problem, .. } => Self::Malformed {
                text: text.to_owned(),
                problem,
            },
            error => Self::Reference(error),
        }
    }
}

impl Prefix {
    /// `HOST[:PORT]`
    pub(crate) fn registry(&self) -> &str {
        &self.registry
    }

    /// The reference of the image `name` below the prefix.
    pub(crate) fn image(&self, name: &Reference) -> Result<Reference, ReferenceError> {
        format!("{}/{}", self.text, name.repository()).parse()
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let text = text.trim_end_matches('/');
        if text.is_empty() {
            return Err(PrefixError::Empty);
        }
        // It is valid if it is a valid reference with a name appended.
        let reference: Reference = format!("{text}/x")
            .parse()
            .map_err(|error| PrefixError::of(text, error))?;
        match reference.registry() {
            Some(registry) => Ok(Self {
                text: text.to_owned(),
                registry: registry.to_owned(),
            }),
            None => Err(PrefixError::NoRegistry {
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_need_a_registry() {
        let image = |text: &str| {
            let prefix: Prefix = text.parse().unwrap();
            prefix
                .image(&"team/app".parse().unwrap())
                .unwrap()
                .to_string()
        };
        assert_eq!(image("127.0.0.1:5000"), "127.0.0.1:5000/team/app");
        assert_eq!(image("r.example/a/b/"), "r.example/a/b/team/app");
        assert_eq!(
            "user".parse::<Prefix>().unwrap_err().to_string(),
            "`user` names no registry: write it in front, such as docker.io/user"
        );
        let error = |text: &str| text.parse::<Prefix>().unwrap_err().to_string();
        assert_eq!(
            error(""),
            "expected REGISTRY[/PATH], such as docker.io/team"
        );
        assert_eq!(error("/"), error(""));
        let tagged = "`127.0.0.1:1/a:v1` has a tag or a digest, which a prefix cannot have";
        assert_eq!(error("127.0.0.1:1/a:v1"), tagged);
        assert!(error("r.example/a@sha256:1").starts_with("`r.example/a@sha256:1` has a tag"));
        assert!(error("r.example/A").starts_with("`r.example/A` is not a prefix: a repository is"));
        for bad in [
            "",
            "r.example/a:v1",
            "https://r.example",
            "r.example/A",
            "r.example/a@x",
        ] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad}");
        }
    }
}
