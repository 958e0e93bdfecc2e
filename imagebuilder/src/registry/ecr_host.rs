//! What the name of an Amazon ECR registry says: account, region, partition.

/// The host of a private registry in Amazon ECR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EcrHost {
    /// The AWS account that owns it, 12 digits.
    pub(crate) account: String,
    /// Its region; the environment's own may be another.
    pub(crate) region: String,
    /// Whether it is the one with FIPS 140 endpoints.
    pub(crate) fips: bool,
}

/// The domains of AWS's partitions, as in amazon-ecr-credential-helper.
const DOMAINS: [&str; 9] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "on.aws",
    "on.amazonwebservices.com.cn",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "csp.hci.ic.gov",
    "cloud.adc-e.uk",
];

impl EcrHost {
    /// Reads `HOST[:PORT]`; `None` when it is no such registry.
    ///
    /// `ACCOUNT.dkr.ecr[-fips].REGION.DOMAIN`, or `ACCOUNT.dkr-ecr[-fips].REGION.DOMAIN` of the
    /// dual-stack endpoints.
    pub(crate) fn parse(registry: &str) -> Option<Self> {
        let host = registry.split(':').next()?;
        let (account, rest) = host.split_once('.')?;
        let rest = rest
            .strip_prefix("dkr.ecr")
            .or_else(|| rest.strip_prefix("dkr-ecr"))?;
        let (fips, rest) = match rest.strip_prefix("-fips") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let (region, domain) = rest.strip_prefix('.')?.split_once('.')?;
        let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let word = !region.is_empty()
            && region
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (digits && word && DOMAINS.contains(&domain)).then(|| Self {
            account: account.to_owned(),
            region: region.to_owned(),
            fips,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read() {
        let check = |host: &str, region: &str, fips: bool| {
            let (account, region) = ("123456789012".to_owned(), region.to_owned());
            assert_eq!(
                EcrHost::parse(host),
                Some(EcrHost {
                    account,
                    region,
                    fips
                }),
                "{host}"
            );
        };
        check(
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "eu-west-1",
            false,
        );
        check(
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "us-gov-west-1",
            true,
        );
        check(
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "cn-north-1",
            false,
        );
        check("123456789012.dkr-ecr.us-east-1.on.aws", "us-east-1", false);
        check(
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com:5443",
            "eu-west-1",
            false,
        );
    }

    #[test]
    fn other_hosts_are_not() {
        for host in [
            "public.ecr.aws",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.example",
            "12345.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.amazonaws.com",
            "123456789012.dkr.ecrx.eu-west-1.amazonaws.com",
            "evil.example",
            "127.0.0.1:5000",
            "",
        ] {
            assert_eq!(EcrHost::parse(host), None, "{host}");
        }
    }
}
