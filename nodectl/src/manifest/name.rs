//! Names in manifests, each checked by the API server's rule for it.
//!
//! A name becomes part of a path, a host name or an ID in containerd, so it is a separate type from
//! parsing on.
//!
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A name that breaks the rule for its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} `{text}`: expected {rule}")]
pub struct NameError {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $is_valid:path, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                text.to_owned().try_into()
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                if $is_valid(&text) {
                    Ok(Self(text))
                } else {
                    Err(NameError { kind: $kind, text, rule: $rule })
                }
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<Path> for $name {
            fn as_ref(&self) -> &Path {
                Path::new(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<String> for $name {
            fn eq(&self, other: &String) -> bool {
                self.0 == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// A DNS label (RFC 1123): the name of a namespace, a Service, a container or a volume.
    DnsLabel,
    "name",
    is_dns_label,
    "at most 63 lowercase letters, digits and `-`, with a letter or digit at both ends"
);

name_type!(
    /// A DNS subdomain (RFC 1123): the name of a Deployment or a service account.
    DnsSubdomain,
    "name",
    is_dns_subdomain,
    "at most 253 lowercase letters, digits, `-` and `.`, with a letter or digit at both ends of each part"
);

name_type!(
    /// The name of a container's port (an IANA service name, RFC 6335).
    PortName,
    "port name",
    is_port_name,
    "at most 15 lowercase letters, digits and single `-`, with at least one letter"
);

name_type!(
    /// The name of an environment variable.
    EnvName,
    "environment variable name",
    is_env_name,
    "printable ASCII characters other than `=`"
);

name_type!(
    /// The name of an HTTP header.
    HeaderName,
    "HTTP header name",
    is_header_name,
    "letters, digits and `-`"
);

name_type!(
    /// A label's key: a name, after an optional DNS subdomain and `/`.
    LabelKey,
    "label key",
    is_qualified_name,
    "at most 63 letters, digits, `-`, `_` and `.`, after an optional DNS subdomain and `/`"
);

name_type!(
    /// A label's value.
    LabelValue,
    "label value",
    is_label_value,
    "at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends"
);

name_type!(
    /// An annotation's key.
    AnnotationKey,
    "annotation key",
    is_annotation_key,
    "at most 63 letters, digits, `-`, `_` and `.`, after an optional DNS subdomain and `/`"
);

/// Labels by key.
pub type Labels = BTreeMap<LabelKey, LabelValue>;

fn is_dns_label(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_dns_subdomain(text: &str) -> bool {
    // A part is limited only by the length of the whole.
    let is_part = |part: &str| {
        let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        !part.is_empty()
            && part.bytes().all(inner)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_part)
}

fn is_port_name(text: &str) -> bool {
    (1..=15).contains(&text.len())
        && is_dns_label(text)
        && text.bytes().any(|c| c.is_ascii_lowercase())
        && !text.contains("--")
}

fn is_env_name(text: &str) -> bool {
    let printable = |c: u8| (c == b' ' || c.is_ascii_graphic()) && c != b'=';
    !text.is_empty() && text.bytes().all(printable)
}

fn is_header_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
}

fn is_label_name(text: &str) -> bool {
    let inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && edge(text.chars().next())
        && edge(text.chars().last())
}

pub(super) fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_label_name(name),
        None => is_label_name(text),
    }
}

fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_label_name(text)
}

/// The API server folds the case of an annotation's key before it applies the rule.
fn is_annotation_key(text: &str) -> bool {
    is_qualified_name(&text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: FromStr<Err = NameError>>(valid: &[&str], invalid: &[&str]) {
        for text in valid {
            assert!(text.parse::<T>().is_ok(), "`{text}` is refused");
        }
        for text in invalid {
            assert!(text.parse::<T>().is_err(), "`{text}` is accepted");
        }
    }

    #[test]
    fn a_dns_label_cannot_be_a_path() {
        let long = "a".repeat(64);
        check::<DnsLabel>(
            &["web", "0", "a-b", "1web", &long[..63]],
            &[
                "",
                ".",
                "..",
                "../../etc",
                "/etc",
                "a/b",
                "a.b",
                "Web",
                "-a",
                "a-",
                "a_b",
                "a\0",
                &long,
            ],
        );
    }

    #[test]
    fn a_dns_subdomain_has_parts() {
        check::<DnsSubdomain>(
            &["web", "web.example.com", &"a".repeat(253)],
            &[
                "",
                ".",
                "..",
                "a..b",
                ".a",
                "a.",
                "a/../b",
                "a.-b",
                &"a".repeat(254),
            ],
        );
    }

    #[test]
    fn a_port_name_is_an_iana_service_name() {
        check::<PortName>(
            &["http", "http-2", "a", "1a"],
            &[
                "",
                "8080",
                "-a",
                "a-",
                "a--b",
                "HTTP",
                "a_b",
                "abcdefghijklmnop",
            ],
        );
    }

    #[test]
    fn an_environment_variable_has_no_equals_sign() {
        check::<EnvName>(
            &["A", "a.b", "1A", "with space", "$x"],
            &["", "A=B", "A\n", "A\0", "ä"],
        );
    }

    #[test]
    fn a_header_name_cannot_break_the_request() {
        check::<HeaderName>(&["X-Probe", "a1"], &["", "a b", "a:", "a\r\nb", "a_b"]);
    }

    #[test]
    fn label_keys_and_values_follow_kubernetes_rules() {
        check::<LabelKey>(
            &["app", "app.kubernetes.io/name", "A_b.c-d", "0"],
            &[
                "",
                "/",
                "a/",
                "/a",
                "a/b/c",
                "-a",
                "a-",
                "A.io/x",
                "a b",
                "../x",
                &"a".repeat(64),
            ],
        );
        check::<LabelValue>(
            &["", "v1.2", "A_b"],
            &["-a", "a-", "a b", "a/b", &"a".repeat(64)],
        );
        check::<AnnotationKey>(&["A.io/x"], &["a b", ""]);
    }

    #[test]
    fn the_error_names_the_rule() {
        assert_eq!(
            "..".parse::<DnsLabel>().unwrap_err().to_string(),
            "invalid name `..`: expected at most 63 lowercase letters, digits and `-`, with a \
             letter or digit at both ends"
        );
    }
}
