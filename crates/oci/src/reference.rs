//! References: `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`.
//!
//! The grammar is [distribution's](https://github.com/distribution/reference/blob/v0.6.0/reference.go),
//! without Docker's rewriting: a name without a registry stays without one, so that it is printed as the
//! user wrote it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Digest, DigestError, docker_hub};

/// The scheme of a name that imagebuilder has yet to resolve.
const UNRESOLVED_SCHEME: &str = "cargo://";

/// distribution's limit on registry and repository together.
const NAME_MAX: usize = 255;

/// The name of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Reference {
    registry: Option<String>,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// It is a `cargo://` name, which stands for an image that has yet to be built.
    #[error("`{text}` is not resolved: it names a Cargo package, not an image")]
    Unresolved {
        /// What was given.
        text: String,
    },
    /// The name does not conform to the grammar.
    #[error("`{text}` is not an image reference: {problem}")]
    Malformed {
        /// What was given, cut to a length that fits a line.
        text: String,
        /// Which part is wrong, and how.
        problem: &'static str,
    },
    /// What follows `@` is not a digest.
    #[error("`{text}` is not an image reference")]
    Digest {
        /// What was given, cut to a length that fits a line.
        text: String,
        /// What is wrong with the digest.
        #[source]
        source: DigestError,
    },
}

impl Reference {
    /// `HOST[:PORT]`, if the reference has one.
    pub fn registry(&self) -> Option<&str> {
        self.registry.as_deref()
    }

    /// The path in the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if the reference has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if the reference has one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// `[REGISTRY/]REPOSITORY`, without tag and digest.
    pub fn name(&self) -> String {
        match &self.registry {
            Some(registry) => format!("{registry}/{}", self.repository),
            None => self.repository.clone(),
        }
    }

    /// `REGISTRY/REPOSITORY`, written out as Docker and containerd store it: `nginx` is
    /// `docker.io/library/nginx`.
    pub fn full_name(&self) -> String {
        let registry = match self.registry() {
            None | Some(docker_hub::LEGACY) => docker_hub::DOCKER_HUB,
            Some(registry) => registry,
        };
        let path = docker_hub::path(registry, &self.repository);
        format!("{registry}/{path}")
    }

    /// The same repository and tag, at `digest`.
    #[must_use]
    pub fn with_digest(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// The same without its digest.
    #[must_use]
    pub fn without_digest(mut self) -> Self {
        self.digest = None;
        self
    }

    /// The same repository and digest, with `tag`.
    ///
    /// # Errors
    /// [`ReferenceError::Malformed`] if `tag` is not a tag.
    pub fn with_tag(mut self, tag: &str) -> Result<Self, ReferenceError> {
        if !is_tag(tag) {
            return Err(malformed(tag, TAG_RULE));
        }
        self.tag = Some(tag.to_owned());
        Ok(self)
    }

    /// The same repository and digest without a tag.
    #[must_use]
    pub fn without_tag(mut self) -> Self {
        self.tag = None;
        self
    }
}

const TAG_RULE: &str = "a tag is a letter, digit or `_`, then up to 127 of those, `.` and `-`";
const PATH_RULE: &str = "a repository is lower-case letters and digits, with single `.`, `_`, \
                         `__` or `-` between them, in parts separated by `/`";

fn malformed(text: &str, problem: &'static str) -> ReferenceError {
    ReferenceError::Malformed {
        text: text.chars().take(100).collect(),
        problem,
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.starts_with(UNRESOLVED_SCHEME) {
            return Err(ReferenceError::Unresolved {
                text: text.chars().take(100).collect(),
            });
        }
        let (named, digest) = match text.split_once('@') {
            Some((named, digest)) => (named, Some(parse_digest(text, digest)?)),
            None => (text, None),
        };
        let (registry, rest) = split_registry(named);
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if let Some(registry) = registry
            && !is_registry(registry)
        {
            return Err(malformed(
                text,
                "the part before the first `/` is not HOST[:PORT]",
            ));
        }
        if path.is_empty() {
            return Err(malformed(text, "it has no repository"));
        }
        if !path.split('/').all(is_component) {
            return Err(malformed(text, PATH_RULE));
        }
        if path.len() + registry.map_or(0, |registry| registry.len() + 1) > NAME_MAX {
            return Err(malformed(text, "a name has at most 255 characters"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(malformed(text, TAG_RULE));
        }
        Ok(Self {
            registry: registry.map(str::to_owned),
            repository: path.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

fn parse_digest(text: &str, digest: &str) -> Result<Digest, ReferenceError> {
    digest.parse().map_err(|source| ReferenceError::Digest {
        text: text.chars().take(100).collect(),
        source,
    })
}

/// The first part is a registry if it cannot be part of a repository: it has a dot, a colon or an
/// upper-case letter, or is `localhost`.
fn split_registry(named: &str) -> (Option<&str>, &str) {
    match named.split_once('/') {
        Some((first, rest))
            if first == "localhost"
                || first.contains(['.', ':', '['])
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (Some(first), rest)
        }
        _ => (None, named),
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let Some((address, rest)) = bracketed.split_once(']') else {
            return false;
        };
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return false;
        }
        match rest.strip_prefix(':') {
            Some(port) => return is_port(port),
            None => return rest.is_empty(),
        }
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(label) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    if !alphanumeric(first) || !alphanumeric(last) {
        return false;
    }
    // Between letters and digits is one separator: `.`, `_`, `__` or any number of `-`.
    bytes
        .split(|&byte| alphanumeric(byte))
        .filter(|between| !between.is_empty())
        .all(|between| {
            matches!(between, b"." | b"_" | b"__") || between.iter().all(|&byte| byte == b'-')
        })
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = text.bytes();
    text.len() <= 128
        && bytes.next().is_some_and(word)
        && bytes.all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(registry) = &self.registry {
            write!(f, "{registry}/")?;
        }
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest.map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_parts_of_a_reference_are_distinguished() {
        let digest = Digest::of(b"");
        let check = |text: &str, registry: Option<&str>, repository: &str, tag: Option<&str>| {
            for (text, digest) in [
                (text.to_owned(), None),
                (format!("{text}@{digest}"), Some(digest)),
            ] {
                let reference: Reference = text.parse().unwrap();
                assert_eq!(reference.registry(), registry, "{text}");
                assert_eq!(reference.repository(), repository, "{text}");
                assert_eq!(reference.tag(), tag, "{text}");
                assert_eq!(reference.digest(), digest, "{text}");
                assert_eq!(reference.to_string(), text);
            }
        };
        check("rust-k8s-app", None, "rust-k8s-app", None);
        check("rust-k8s-app:v1", None, "rust-k8s-app", Some("v1"));
        check(
            "127.0.0.1:5000/x/y:v1",
            Some("127.0.0.1:5000"),
            "x/y",
            Some("v1"),
        );
        check("localhost/x", Some("localhost"), "x", None);
        check("[::1]:5000/x", Some("[::1]:5000"), "x", None);
        check("library/nginx", None, "library/nginx", None);
        check("f/a__b.c---d_e", None, "f/a__b.c---d_e", None);
        check(
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:2026.11",
            Some("123456789012.dkr.ecr.eu-west-1.amazonaws.com"),
            "team/app",
            Some("2026.11"),
        );
    }

    #[test]
    fn an_unresolved_name_has_its_own_error() {
        assert_eq!(
            "cargo://app".parse::<Reference>(),
            Err(ReferenceError::Unresolved {
                text: "cargo://app".to_owned()
            })
        );
    }

    #[test]
    fn invalid_references_are_refused() {
        for bad in [
            "",
            ":v1",
            "@",
            "UPPER",
            "a//b",
            "/a",
            "a/",
            "a:",
            "a:-x",
            "a:x y",
            "a___b",
            "-a",
            "a-",
            "a..b",
            "../x",
            "a.b/../c",
            "h:99999/x",
            "h:/x",
            "[::1/x",
            "[::g]/x",
            "https://h/x",
            "a@sha256:12",
            "a@b",
            "x y",
            "a.b:80:90/c",
            "docker.io/",
        ] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
        assert!("a".repeat(255).parse::<Reference>().is_ok());
        assert!("a".repeat(256).parse::<Reference>().is_err());
        assert!(
            format!("a:{}", "t".repeat(129))
                .parse::<Reference>()
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn a_parsed_reference_prints_unchanged(text in "[a-zA-Z0-9._:/@\\[\\]-]{0,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string(), text);
            }
        }

        #[test]
        fn a_valid_reference_parses(
            registry in prop::option::of("[a-z0-9]{1,8}\\.[a-z]{2,5}(:[1-9][0-9]{0,3})?"),
            path in "[a-z0-9]{1,5}((\\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}(/[a-z0-9]{1,5}){0,2}",
            tag in prop::option::of("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}"),
        ) {
            let mut text = registry.as_ref().map_or(String::new(), |r| format!("{r}/"));
            text.push_str(&path);
            if let Some(tag) = &tag {
                text.push(':');
                text.push_str(tag);
            }
            // Without a registry a first part with a dot would be one.
            prop_assume!(registry.is_some() || !path.contains('/') || !path.split('/').next().unwrap().contains('.'));
            let reference: Reference = text.parse().unwrap();
            prop_assert_eq!(reference.registry(), registry.as_deref());
            prop_assert_eq!(reference.tag(), tag.as_deref());
            prop_assert_eq!(reference.to_string(), text);
        }
    }
}
