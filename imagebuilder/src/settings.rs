//! `[package.metadata.image]`: what a package says of its image.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU16;

use oci::{Reference, ReferenceError};
use serde::Deserialize;

use crate::base_name::BaseName;
use crate::environment::changes_the_build;
use crate::target::CLibrary;

/// The user of an image that names none: the uid and gid that distroless calls `nonroot`.
pub(crate) const NONROOT: u32 = 65532;

/// The table `[package.metadata.image]` of a Cargo.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// The image's name; the binary's where it is not given.
    pub(crate) name: Option<ImageName>,
    /// Which binary to pack, where the package has several.
    pub(crate) bin: Option<String>,
    /// The TCP ports it listens on; documentation, as in a Dockerfile's EXPOSE.
    pub(crate) ports: Vec<NonZeroU16>,
    /// The user that it runs as; that of the base, else [`User::NONROOT`], where it is not given.
    pub(crate) user: Option<User>,
    /// The image that it is built on.
    pub(crate) base: Option<BaseName>,
    /// The C library that the binary is linked with.
    pub(crate) libc: Option<CLibrary>,
    /// The directory that it starts in; that of the base, else `/`, where it is not given.
    pub(crate) workdir: Option<AbsolutePath>,
    /// The program and its first arguments; the binary where it is not given.
    pub(crate) entrypoint: Option<Vec<String>>,
    /// Its environment.
    pub(crate) env: BTreeMap<EnvName, String>,
    /// The arguments it is given unless the pod gives others.
    pub(crate) args: Vec<String>,
    /// Labels, beside those made from the package's own fields.
    pub(crate) labels: BTreeMap<String, String>,
    /// Annotations of the manifest and index, beside those made from the package's own fields.
    pub(crate) annotations: BTreeMap<String, String>,
    /// The directories for which a container gets a volume.
    pub(crate) volumes: Vec<AbsolutePath>,
    /// The signal that asks it to stop; that of the base, else SIGTERM, where it is not given.
    pub(crate) stop_signal: Option<Signal>,
    /// Environment variables for Cargo and the build scripts, such as `SQLX_OFFLINE`.
    pub(crate) build_env: BTreeMap<BuildEnvName, String>,
    /// Cargo features to enable.
    pub(crate) features: Vec<String>,
    /// Cargo's `--no-default-features`.
    pub(crate) no_default_features: bool,
}

/// What is wrong with a setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingError {
    #[error("`{text}` is not an image name: it takes neither registry, tag nor digest")]
    NameHasMore { text: String },
    #[error(transparent)]
    Name(#[from] ReferenceError),
    #[error("`{text}` is not a user: expected UID or UID:GID, in numbers")]
    User { text: String },
    #[error("`{text}` is not a path in the image: expected one that starts with `/`, without `..`")]
    Path { text: String },
    #[error("`{text}` is not a signal: expected a name such as SIGTERM, or a number up to 64")]
    Signal { text: String },
    #[error("`{text}` is not the name of an environment variable")]
    EnvName { text: String },
    #[error("`{text}` cannot be in `build-env`: {why}")]
    BuildEnvName { text: String, why: &'static str },
}

/// A repository without registry, tag and digest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ImageName(Reference);

impl ImageName {
    /// The name as a reference.
    pub(crate) fn reference(&self) -> &Reference {
        &self.0
    }
}

impl TryFrom<String> for ImageName {
    type Error = SettingError;

    fn try_from(text: String) -> Result<Self, SettingError> {
        let reference: Reference = text.parse()?;
        if reference.repository() != text {
            return Err(SettingError::NameHasMore { text });
        }
        Ok(Self(reference))
    }
}

/// A numeric user and group: Kubernetes can prove only of a number that it is not root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl User {
    /// The user of an image that names none, on a base that names none.
    pub(crate) const NONROOT: Self = Self {
        uid: NONROOT,
        gid: NONROOT,
    };
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

impl TryFrom<String> for User {
    type Error = SettingError;

    fn try_from(text: String) -> Result<Self, SettingError> {
        let (uid, gid) = text.split_once(':').unwrap_or((&text, &text));
        match (uid.parse(), gid.parse()) {
            (Ok(uid), Ok(gid)) => Ok(Self { uid, gid }),
            _ => Err(SettingError::User { text }),
        }
    }
}

/// A path in the image, from its root.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct AbsolutePath(pub(crate) String);

impl TryFrom<String> for AbsolutePath {
    type Error = SettingError;

    fn try_from(text: String) -> Result<Self, SettingError> {
        let valid = text.starts_with('/')
            && !text.contains('\0')
            && text.split('/').all(|part| part != "." && part != "..");
        if valid {
            Ok(Self(text))
        } else {
            Err(SettingError::Path { text })
        }
    }
}

/// A signal, by its name or number.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Signal(pub(crate) String);

impl TryFrom<String> for Signal {
    type Error = SettingError;

    fn try_from(text: String) -> Result<Self, SettingError> {
        let number = text.parse().is_ok_and(|number: u8| (1..=64).contains(&number));
        let name = text.strip_prefix("SIG").is_some_and(|name| {
            let word = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b"+-".contains(&b);
            !name.is_empty() && name.len() <= 8 && name.bytes().all(word)
        });
        if number || name {
            Ok(Self(text))
        } else {
            Err(SettingError::Signal { text })
        }
    }
}

/// The name of an environment variable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct EnvName(pub(crate) String);

impl TryFrom<String> for EnvName {
    type Error = SettingError;

    fn try_from(text: String) -> Result<Self, SettingError> {
        if text.is_empty() || text.contains(['=', '\0']) {
            return Err(SettingError::EnvName { text });
        }
        Ok(Self(text))
    }
}

/// The name of a variable for Cargo: one that imagebuilder does not set itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct BuildEnvName(pub(crate) String);

impl TryFrom<String> for BuildEnvName {
    type Error = SettingError;

    fn try_from(text: String) -> Result<Self, SettingError> {
        let EnvName(text) = EnvName::try_from(text)?;
        let why = match text.as_str() {
            "SOURCE_DATE_EPOCH" => "it is set with --source-date-epoch",
            "SOURCE_REVISION" => "it is set with --revision",
            "PATH" | "CARGO_INCREMENTAL" => "imagebuilder sets it",
            name if changes_the_build(name) => {
                "flags for all builds belong in .cargo/config.toml or the profile"
            }
            _ => return Ok(Self(text)),
        };
        Err(SettingError::BuildEnvName { text, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Settings, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    /// serde lists the keys in its error.
    #[test]
    fn the_readme_documents_every_key() {
        let readme = include_str!("../README.md");
        let error = parse(r#"{"x": 1}"#).unwrap_err();
        let keys = error.split_once("one of ").unwrap().1;
        let keys = keys.split('`').skip(1).step_by(2);
        for key in keys.clone() {
            assert!(readme.contains(&format!("\n| `{key}` | ")), "{key}");
        }
        assert!(keys.count() > 5, "{error}");
    }

    #[test]
    fn nothing_given_means_nonroot() {
        assert_eq!(parse("{}").unwrap(), Settings::default());
        assert_eq!(User::NONROOT.to_string(), "65532:65532");
    }

    #[test]
    fn wrong_settings_say_why() {
        let check = |json: &str, expected: &str| {
            let error = parse(json).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        };
        check(
            r#"{"prots": [1]}"#,
            "unknown field `prots`, expected one of `name`, `bin`, `ports`",
        );
        check(
            r#"{"ports": [0]}"#,
            "invalid value: integer `0`, expected a nonzero u16",
        );
        check(
            r#"{"ports": [70000]}"#,
            "invalid value: integer `70000`, expected a nonzero u16",
        );
        check(r#"{"name": "a:v1"}"#, "`a:v1` is not an image name");
        check(r#"{"name": "h.io/a"}"#, "`h.io/a` is not an image name");
        check(r#"{"name": "UP"}"#, "`UP` is not an image reference");
        check(r#"{"user": "app"}"#, "`app` is not a user");
        check(r#"{"base": "debian"}"#, "`debian` is not a base: it names no registry");
        check(r#"{"libc": "uclibc"}"#, "unknown variant `uclibc`, expected `musl` or `glibc`");
        check(r#"{"workdir": "app"}"#, "`app` is not a path in the image");
        check(r#"{"volumes": ["/a/../b"]}"#, "`/a/../b` is not a path in the image");
        check(r#"{"stop-signal": "TERM"}"#, "`TERM` is not a signal");
        check(r#"{"env": {"A=B": ""}}"#, "`A=B` is not the name");
        check(r#"{"build-env": {"A=B": ""}}"#, "`A=B` is not the name");
        check(
            r#"{"build-env": {"RUSTFLAGS": ""}}"#,
            "`RUSTFLAGS` cannot be in `build-env`: flags for all builds belong in .cargo",
        );
        check(
            r#"{"build-env": {"SOURCE_DATE_EPOCH": "1"}}"#,
            "`SOURCE_DATE_EPOCH` cannot be in `build-env`: it is set with --source-date-epoch",
        );
    }

    #[test]
    fn a_user_without_a_group_has_its_own() {
        assert_eq!(
            parse(r#"{"user":"7"}"#).unwrap().user,
            Some(User { uid: 7, gid: 7 })
        );
        assert_eq!(
            parse(r#"{"user":"7:8"}"#).unwrap().user,
            Some(User { uid: 7, gid: 8 })
        );
    }
}
