//! The names of images and registries on the command line, checked before anything is queried or built.

use std::fmt;
use std::str::FromStr;

use oci::{Digest, Reference};
use thiserror::Error;

/// An invalid name of an image or registry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum NameError {
    /// A tag can move; a digest cannot.
    #[error(
        "it has no digest, and a tag can move to another image: expected \
         registry.example/app@sha256:…"
    )]
    NoDigest,
    /// Not `sha256:` and 64 hexadecimal digits.
    #[error("invalid digest `{0}`: expected sha256: and 64 digits of 0-9 and a-f")]
    Digest(String),
    /// A URL instead of a name.
    #[error("expected a name without a scheme, such as registry.example/team, and not a URL")]
    Url,
    /// A tag or a digest, which imagebuilder chooses.
    #[error("expected a registry and a prefix, without a tag or digest: each image gets its own")]
    NotPrefix,
    /// An invalid character or an empty part.
    #[error(
        "invalid name: expected a registry and parts of lowercase letters, digits and `.`, `_`, \
         `-`, with one `/` between them, such as registry.example/team"
    )]
    Name,
}

/// An image, by digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image(String);

impl FromStr for Image {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (name, digest) = text.split_once('@').ok_or(NameError::NoDigest)?;
        if digest.parse::<Digest>().is_err() {
            return Err(NameError::Digest(digest.to_owned()));
        }
        check(name)?;
        Ok(Self(text.to_owned()))
    }
}

/// A registry, and the prefix of the names of images in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(String);

impl FromStr for Prefix {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.contains("://") {
            return Err(NameError::Url);
        }
        // A colon after the first slash precedes a tag; before it, a port does.
        let path = text.split_once('/').map_or("", |(_, path)| path);
        if text.contains('@') || path.contains(':') {
            return Err(NameError::NotPrefix);
        }
        // It has to be a valid reference with a name appended.
        check(&format!("{text}/x"))?;
        Ok(Self(text.to_owned()))
    }
}

fn check(name: &str) -> Result<(), NameError> {
    if name.contains("://") {
        return Err(NameError::Url);
    }
    let parsed = name.parse::<Reference>();
    parsed.map(|_| ()).map_err(|_| NameError::Name)
}

impl AsRef<str> for Image {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Prefix {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: FromStr<Err = NameError> + fmt::Debug>(good: &[&str], bad: &[(&str, NameError)]) {
        for text in good {
            assert!(text.parse::<T>().is_ok(), "{text}");
        }
        for (text, error) in bad {
            assert_eq!(text.parse::<T>().unwrap_err(), *error, "{text}");
        }
    }

    #[test]
    fn an_image_has_a_name_and_a_digest() {
        let hex = "0123456789abcdef".repeat(4);
        let image = |name: &str| format!("{name}@sha256:{hex}");
        let good = [
            "app",
            "registry.example/team/app",
            "localhost:5000/a",
            "r.example/a:v1",
        ];
        let good = good.map(image);
        let good: Vec<_> = good.iter().map(String::as_str).collect();
        let (url, upper, spaced) = (
            image("https://a"),
            image("r.example/App"),
            image("r.example/a b"),
        );
        let (empty, unnamed, untagged) = (image("r.example//a"), image(""), image("r.example/a:"));
        check::<Image>(
            &good,
            &[
                ("registry.example/app:v1", NameError::NoDigest),
                ("", NameError::NoDigest),
                ("a@sha256:12", NameError::Digest("sha256:12".to_owned())),
                ("a@md5:12", NameError::Digest("md5:12".to_owned())),
                ("a@", NameError::Digest(String::new())),
                (&url, NameError::Url),
                (&upper, NameError::Name),
                (&spaced, NameError::Name),
                (&empty, NameError::Name),
                (&unnamed, NameError::Name),
                (&untagged, NameError::Name),
            ],
        );
    }

    #[test]
    fn a_prefix_has_neither_scheme_nor_tag() {
        check::<Prefix>(
            &[
                "registry.example",
                "localhost:5000",
                "127.0.0.1:5000/team",
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/a",
                "[::1]:5000",
            ],
            &[
                ("https://registry.example", NameError::Url),
                ("registry.example/app:v1", NameError::NotPrefix),
                ("registry.example/app@sha256:1", NameError::NotPrefix),
                ("registry.example/Team", NameError::Name),
                ("registry.example/", NameError::Name),
                ("registry.example/a b", NameError::Name),
                ("/team", NameError::Name),
                ("", NameError::Name),
            ],
        );
    }
}
