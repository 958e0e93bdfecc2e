//! Queries to AWS, by its CLI: the account of the credentials in use, for the name of its registry, and
//! for the checks before a deploy. imagebuilder and the load balancer controller do everything else with AWS.

use std::process::{Command, Stdio};

use cli::{Exit, ExitError};
use serde_json::Value;
use thiserror::Error;

/// The domain of each partition's registries, by the prefix of its regions' names; every other
/// region is in the partition `aws` or `aws-us-gov`, which share a domain. From botocore's
/// `partitions.json`.
const DOMAINS: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
];
const DOMAIN: &str = "amazonaws.com";

/// Why AWS did not answer a query.
#[derive(Debug, Error)]
pub(crate) enum AwsError {
    /// It is not in the form of a region's name.
    #[error("invalid region `{0}`: expected one such as eu-west-1")]
    Region(String),
    /// The aws command could not be started.
    #[error("cannot run aws")]
    Start(#[source] std::io::Error),
    /// STS refused the credentials, or there are none.
    #[error("aws sts get-caller-identity: {0}")]
    Identity(String),
    /// Another query was refused, or its answer is not JSON.
    #[error("aws {command}: {message}")]
    Query {
        /// Such as `eks describe-cluster`.
        command: String,
        /// The CLI's error.
        message: String,
    },
}

impl ExitError for AwsError {
    fn exit(&self) -> Exit {
        match self {
            Self::Region(_) | Self::Start(_) => Exit::Usage,
            Self::Identity(_) => Exit::Authentication,
            Self::Query { .. } => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Region(_) | Self::Query { .. } => return None,
            Self::Start(_) => {
                "install the AWS CLI, or name a registry with --repo (REPO=): \
                 https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
            }
            Self::Identity(_) => "`aws sso login`, or export AWS_PROFILE",
        };
        Some(hint.to_owned())
    }
}

/// The registry of the caller's account in a region.
pub(crate) fn registry(region: &str) -> Result<String, AwsError> {
    let domain = known(region)?;
    let account = account()?;
    Ok(format!("{account}.dkr.ecr.{region}.{domain}"))
}

/// Whether images in this repository are stored by ECR.
pub(crate) fn is_ecr(repo: &str) -> bool {
    let (account, rest) = repo.split_once('.').unwrap_or_default();
    account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && (rest.starts_with("dkr.ecr") || rest.starts_with("dkr-ecr"))
}

/// The domain of the registries of a region, whose name is in the form of one.
fn known(region: &str) -> Result<&'static str, AwsError> {
    domain(region).ok_or_else(|| AwsError::Region(region.to_owned()))
}

fn domain(region: &str) -> Option<&'static str> {
    let parts: Vec<_> = region.split('-').collect();
    let (number, words) = parts.split_last()?;
    let letters = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let valid = words.len() >= 2
        && words.iter().all(letters)
        && (2..=4).contains(&words[0].len())
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit());
    let mut special = DOMAINS.iter();
    let special = special.find(|(prefix, _)| region.starts_with(prefix));
    valid.then(|| special.map_or(DOMAIN, |(_, domain)| domain))
}

fn account() -> Result<String, AwsError> {
    let args = ["sts", "get-caller-identity", "--query", "Account"];
    let answer = run(&[&args[..], &["--output", "text"]].concat())?;
    match answer {
        Ok(account) if account.len() == 12 => Ok(account),
        Ok(message) | Err(message) => Err(AwsError::Identity(message)),
    }
}

/// The answer to a query, such as `eks describe-cluster`, in a region.
pub(crate) fn query(region: &str, command: &[&str], args: &[&str]) -> Result<Value, AwsError> {
    let error = |message| AwsError::Query {
        command: command.join(" "),
        message,
    };
    known(region)?;
    let options = ["--region", region, "--output", "json"];
    let answer = run(&[command, args, &options].concat())?.map_err(error)?;
    serde_json::from_str(&answer).map_err(|source| error(format!("invalid JSON: {source}")))
}

/// What the AWS CLI printed, or its error, on one line.
fn run(args: &[&str]) -> Result<Result<String, String>, AwsError> {
    let output = Command::new("aws")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(AwsError::Start)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr).replace('\n', "; "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_the_domain_of_its_registries() {
        for (region, expected) in [
            ("eu-west-1", Some("amazonaws.com")),
            ("ap-southeast-7", Some("amazonaws.com")),
            ("us-gov-west-1", Some("amazonaws.com")),
            ("cn-north-1", Some("amazonaws.com.cn")),
            ("eusc-de-east-1", Some("amazonaws.eu")),
            ("us-iso-east-1", Some("c2s.ic.gov")),
            ("us-isob-east-1", Some("sc2s.sgov.gov")),
            ("eu-isoe-west-1", Some("cloud.adc-e.uk")),
            ("us-isof-south-1", Some("csp.hci.ic.gov")),
            ("Ireland", None),
            ("eu-west", None),
            ("eu-west-1; rm", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(domain(region), expected, "{region}");
        }
    }

    #[test]
    fn a_repository_of_ecr_is_recognised_by_its_host() {
        assert!(is_ecr("123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu/x"));
        assert!(is_ecr("123456789012.dkr-ecr.eu-west-1.on.aws"));
        assert!(is_ecr(
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/x"
        ));
        assert!(!is_ecr("registry.example/a.dkr.ecr.b"));
        assert!(!is_ecr("localhost:5000"));
    }
}
