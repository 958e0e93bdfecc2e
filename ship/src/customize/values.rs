//! The values of a deployment on the command line, checked by the rules of Kubernetes and AWS.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest DNS label: RFC 1035, section 2.3.4.
const DNS_LABEL: usize = 63;
/// The longest name that leaves room for `-service`, since the name of a Service is a DNS label.
const NAME: usize = DNS_LABEL - "-service".len();
/// The longest host name: RFC 1035, section 2.3.4, without the first and the last length byte.
const DNS_NAME: usize = 253;
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html>
const TAG_KEY: usize = 128;
const TAG_VALUE: usize = 256;
/// AWS allows 50 on a resource, and the controllers add their own.
const TAGS: usize = 40;
/// The prefixes of tags by which AWS, its controllers and Kubernetes find their resources.
const RESERVED_TAGS: [&str; 7] = [
    "aws:",
    "eks:",
    "elbv2.k8s.aws/",
    "ingress.k8s.aws/",
    "karpenter.sh/",
    "kubernetes.io/",
    "service.k8s.aws/",
];

/// <https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html>
const CLUSTER: usize = 100;

/// A value that Kubernetes or AWS would refuse.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum ValueError {
    /// Not a DNS label.
    #[error(
        "expected at most {longest} lowercase letters, digits and hyphens, a letter first and no \
         hyphen last"
    )]
    Label { longest: usize },
    /// The deployment would impose the Pod Security profile "restricted" on it.
    #[error("the namespace is reserved or shared: choose one for the service")]
    ReservedNamespace,
    /// Not the name of an EKS cluster.
    #[error("expected at most {CLUSTER} letters, digits and hyphens, a letter first")]
    Cluster,
    /// Not a host name.
    #[error("expected a host name such as hello.example.com, in lowercase")]
    Host,
    /// Not the name of a certificate.
    #[error(
        "expected a certificate's ARN, such as \
         arn:aws:acm:eu-west-1:123456789012:certificate/12345678-90ab-cdef"
    )]
    Certificate,
    /// Not `KEY=VALUE`.
    #[error("expected KEY=VALUE,KEY=VALUE, and `{0}` has no `=`")]
    NoValue(String),
    /// The key is too long, empty, or has a character that AWS does not allow.
    #[error(
        "invalid tag key `{0}`: expected 1 to 128 letters, digits, spaces and characters of \
         `_ . : / + - @`"
    )]
    TagKey(String),
    /// The value is too long or has a character that AWS does not allow.
    #[error(
        "invalid value of the tag `{0}`: expected at most 256 letters, digits, spaces and \
         characters of `_ . : / = + - @`"
    )]
    TagValue(String),
    /// A reserved prefix.
    #[error("the tag `{0}` has a prefix that AWS or Kubernetes reserve")]
    ReservedTag(String),
    /// A duplicate key.
    #[error("the tag `{0}` is given twice")]
    Duplicate(String),
    /// More than a resource can have.
    #[error("{0} tags: at most {TAGS} leave room for those that the controllers add")]
    TooMany(usize),
}

/// Whether a DNS label may contain a byte.
fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// Whether a text is a label by RFC 1035, as the names of Services have to be.
fn is_label(text: &str, longest: usize) -> bool {
    text.len() <= longest
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.bytes().all(is_label_byte)
}

/// The name of a deployment, the prefix of its objects' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(String);

impl FromStr for Name {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let valid = is_label(text, NAME);
        let name = valid.then(|| Self(text.to_owned()));
        name.ok_or(ValueError::Label { longest: NAME })
    }
}

/// The name of a namespace that a deployment may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Namespace(String);

impl FromStr for Namespace {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text == "default" || text.starts_with("kube-") {
            return Err(ValueError::ReservedNamespace);
        }
        let valid = is_label(text, DNS_LABEL);
        let namespace = valid.then(|| Self(text.to_owned()));
        namespace.ok_or(ValueError::Label { longest: DNS_LABEL })
    }
}

/// The name of an EKS cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClusterName(String);

impl FromStr for ClusterName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let valid = text.len() <= CLUSTER
            && text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        valid
            .then(|| Self(text.to_owned()))
            .ok_or(ValueError::Cluster)
    }
}

/// The host name of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host(String);

impl FromStr for Host {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let label = |label: &str| {
            (1..=DNS_LABEL).contains(&label.len())
                && label.bytes().all(is_label_byte)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // An address cannot be the name of a certificate or a record.
        let top = text.rsplit('.').next().unwrap_or_default();
        let valid = text.len() <= DNS_NAME
            && text.contains('.')
            && text.split('.').all(label)
            && top.bytes().any(|byte| byte.is_ascii_lowercase());
        valid.then(|| Self(text.to_owned())).ok_or(ValueError::Host)
    }
}

/// The ARN of a certificate: of AWS Certificate Manager, or a server certificate of IAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate(String);

impl FromStr for Certificate {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let digits = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        let id = |text: &str, prefix: &str| {
            let id = text.strip_prefix(prefix).unwrap_or_default();
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+=,.@/".contains(&byte);
            !id.is_empty() && id.bytes().all(allowed)
        };
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let valid = match parts.as_slice() {
            ["arn", partition, "acm", region, account, resource] => {
                partition.starts_with("aws")
                    && !region.is_empty()
                    && digits(account)
                    && id(resource, "certificate/")
            }
            ["arn", partition, "iam", "", account, resource] => {
                partition.starts_with("aws")
                    && digits(account)
                    && id(resource, "server-certificate/")
            }
            _ => false,
        };
        let certificate = valid.then(|| Self(text.to_owned()));
        certificate.ok_or(ValueError::Certificate)
    }
}

/// Tags of AWS resources, in the order of the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags(Vec<(String, String)>);

impl FromStr for Tags {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut tags: Vec<(String, String)> = Vec::new();
        for pair in text.split(',') {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| ValueError::NoValue(pair.to_owned()))?;
            let allowed = |more: &'static str| {
                move |one: char| one.is_alphanumeric() || one == ' ' || more.contains(one)
            };
            // Leading and trailing spaces would be lost in an annotation.
            let trimmed = key.trim() == key && value.trim() == value;
            let length = key.chars().count();
            if !trimmed || !(1..=TAG_KEY).contains(&length) || !key.chars().all(allowed("_.:/+-@"))
            {
                return Err(ValueError::TagKey(key.to_owned()));
            }
            if value.chars().count() > TAG_VALUE || !value.chars().all(allowed("_.:/=+-@")) {
                return Err(ValueError::TagValue(key.to_owned()));
            }
            let lower = key.to_lowercase();
            if RESERVED_TAGS.iter().any(|prefix| lower.starts_with(prefix)) {
                return Err(ValueError::ReservedTag(key.to_owned()));
            }
            if tags.iter().any(|(known, _)| known == key) {
                return Err(ValueError::Duplicate(key.to_owned()));
            }
            tags.push((key.to_owned(), value.to_owned()));
        }
        if tags.len() > TAGS {
            return Err(ValueError::TooMany(tags.len()));
        }
        Ok(Self(tags))
    }
}

impl Tags {
    /// Keys and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<_> = self
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        f.write_str(&pairs.join(","))
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Namespace {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ClusterName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Host {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Certificate {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: FromStr<Err = ValueError>>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(text.parse::<T>().is_ok(), "{text}");
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_dns_labels_with_room_for_suffixes() {
        let (longest, longer) = ("a".repeat(55), "a".repeat(56));
        check::<Name>(
            &["a", "hello", "shop-2", &longest],
            &[
                "", "2shop", "-a", "a-", "Shop", "a.b", "a_b", "a b", "ä", &longer,
            ],
        );
        let (longest, longer) = ("a".repeat(63), "a".repeat(64));
        check::<Namespace>(
            &["team-a", "kubernetes", &longest],
            &[
                "",
                "default",
                "kube-system",
                "kube-public",
                "Team",
                "1",
                &longer,
            ],
        );
    }

    #[test]
    fn clusters_are_named_as_eks_allows() {
        let (longest, longer) = ("a".repeat(100), "a".repeat(101));
        check::<ClusterName>(
            &["hello", "Hello-2", &longest],
            &[
                "",
                "2hello",
                "-a",
                "a_b",
                "a.b",
                "a b",
                "REPLACE_ME",
                &longer,
            ],
        );
    }

    #[test]
    fn host_names_have_labels() {
        let long = format!("{}.example.com", "a".repeat(64));
        check::<Host>(
            &["hello.example.com", "1.example.co", "xn--bcher-kva.example"],
            &[
                "",
                "hello",
                "Hello.example.com",
                "*.example.com",
                "a..b",
                ".a.b",
                "a.b.",
                "10.0.0.1",
                "https://a.b",
                "a.b:80",
                "-a.b",
                &long,
            ],
        );
    }

    #[test]
    fn certificates_are_named_by_arn() {
        check::<Certificate>(
            &[
                "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-90ab-cdef",
                "arn:aws-cn:acm:cn-north-1:123456789012:certificate/1",
                "arn:aws:iam::123456789012:server-certificate/path/name",
            ],
            &[
                "",
                "12345678-90ab-cdef",
                "arn:aws:acm:eu-west-1:12345678901:certificate/1",
                "arn:aws:acm:eu-west-1:123456789012:certificate/",
                "arn:aws:acm::123456789012:certificate/1",
                "arn:aws:s3:::bucket",
                "arn:aws:acm:eu-west-1:123456789012:certificate/a,arn:aws:acm",
            ],
        );
    }

    #[test]
    fn tags_follow_the_rules_of_aws() {
        let (key, value) = ("k".repeat(128), "v".repeat(256));
        let (longest, long_key) = (format!("{key}={value}"), format!("{key}k=v"));
        let long_value = format!("{key}={value}v");
        let many: Vec<_> = (0..41).map(|index| format!("k{index}=v")).collect();
        check::<Tags>(
            &[
                "team=a",
                "a=",
                "cost center=4 2,owner=x@example.com",
                "a=b=c",
                "größe=1",
                &longest,
            ],
            &[
                "",
                "team",
                "=a",
                "a=1,a=2",
                "a=1,",
                "a=b;c",
                "a= b",
                " a=b",
                &long_key,
                &long_value,
                "aws:x=1",
                "AWS:x=1",
                "kubernetes.io/cluster/x=owned",
                "elbv2.k8s.aws/cluster=x",
                &many.join(","),
            ],
        );
        let tags: Tags = "b=2,a=x=y".parse().unwrap();
        assert_eq!(tags.to_string(), "b=2,a=x=y");
        assert_eq!(tags.iter().nth(1), Some(("a", "x=y")));
    }
}
