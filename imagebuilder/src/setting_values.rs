//! The values of settings, each checked where it is read.

use std::fmt;

use oci::{Platform, PlatformError, Reference, ReferenceError};
use serde::Deserialize;

use crate::environment::changes_the_build;

/// The default user of an image: the uid and gid that distroless calls `nonroot`.
pub(crate) const NONROOT: u32 = 65532;

/// What is wrong with a setting.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingError {
    #[error("`{text}` is not an image name: expected one without registry, tag and digest")]
    NameHasMore { text: String },
    #[error(transparent)]
    Name(#[from] ReferenceError),
    #[error("`{text}` is not a user: expected UID or UID:GID, in numbers")]
    User { text: String },
    #[error(transparent)]
    Platform(#[from] PlatformError),
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

/// A numeric user and group: Kubernetes can verify only for a number that it is not root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl User {
    /// The user of an image if neither it nor its base sets one.
    pub(crate) const NONROOT: Self = Self {
        uid: NONROOT,
        gid: NONROOT,
    };

    /// The owner of files.
    pub(crate) const ROOT: Self = Self { uid: 0, gid: 0 };
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

/// A path in the image, from its root, without repeated slashes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct AbsolutePath(pub(crate) String);

impl TryFrom<String> for AbsolutePath {
    type Error = SettingError;

    fn try_from(text: String) -> Result<Self, SettingError> {
        let valid = text.starts_with('/')
            && !text.contains('\0')
            && text.split('/').all(|part| part != "." && part != "..");
        if !valid {
            return Err(SettingError::Path { text });
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        let end = if text.ends_with('/') && !parts.is_empty() {
            "/"
        } else {
            ""
        };
        Ok(Self(format!("/{}{end}", parts.join("/"))))
    }
}

/// The signals of Linux by their names without `SIG`, as containerd and Docker know them
/// (<https://github.com/moby/sys/blob/main/signal/signal_linux.go>), except those for real time.
const SIGNALS: [&str; 34] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
    "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP",
    "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];

/// Whether this is the name of a signal for real time without `SIG`: `RTMIN`, `RTMIN+1` to `RTMIN+15`, `RTMAX-14`
/// to `RTMAX-1`, `RTMAX`.
fn is_real_time(name: &str) -> bool {
    let up_to = |prefix: &str, most: u8| {
        name.strip_prefix(prefix)
            .is_some_and(|number| (1..=most).any(|valid| number == valid.to_string()))
    };
    matches!(name, "RTMIN" | "RTMAX") || up_to("RTMIN+", 15) || up_to("RTMAX-", 14)
}

/// A signal, by its name or number.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Signal(pub(crate) String);

impl TryFrom<String> for Signal {
    type Error = SettingError;

    fn try_from(text: String) -> Result<Self, SettingError> {
        let number = text
            .parse()
            .is_ok_and(|number: u8| (1..=64).contains(&number));
        let name = text
            .strip_prefix("SIG")
            .is_some_and(|name| SIGNALS.contains(&name) || is_real_time(name));
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

/// A platform by its text, such as `linux/arm64`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PlatformName(pub(crate) Platform);

impl TryFrom<String> for PlatformName {
    type Error = SettingError;

    fn try_from(text: String) -> Result<Self, SettingError> {
        Ok(Self(text.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        let check = |text: &str, expected: &str| {
            assert_eq!(AbsolutePath::try_from(text.to_owned()).unwrap().0, expected);
        };
        check("/a/b", "/a/b");
        check("//a///b", "/a/b");
        check("/a//", "/a/");
        check("/", "/");
        check("//", "/");
    }

    #[test]
    fn a_signal_exists() {
        let valid = |text: &str| Signal::try_from(text.to_owned()).is_ok();
        for yes in [
            "SIGTERM",
            "SIGUSR1",
            "SIGRTMIN",
            "SIGRTMIN+3",
            "SIGRTMAX-14",
            "1",
            "64",
        ] {
            assert!(valid(yes), "{yes}");
        }
        for no in [
            "SIGFOO",
            "SIG",
            "TERM",
            "sigterm",
            "0",
            "65",
            "SIGRTMIN+16",
            "SIGRTMAX-15",
            "SIGRTMIN-1",
            "SIGRTMIN+",
            "SIGRTMIN+03",
            "SIGRTMIN++1",
        ] {
            assert!(!valid(no), "{no}");
        }
    }
}
