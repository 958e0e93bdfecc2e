//! The host names of Amazon ECR: account, region and partition of a private registry, and the public
//! one.

use oci::registry::Rates;

/// The requests per second that an account may send to ECR in a region, by
/// [its service quotas](https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html).
pub(crate) const AMAZON_RATES: Rates = Rates {
    put_manifest: Some(10.0),
    start_upload: Some(100.0),
    send_chunk: Some(500.0),
    complete_upload: Some(100.0),
    check_blob: Some(1000.0),
    read_manifest: None,
};

/// The host of a private registry in Amazon ECR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EcrHost {
    /// The AWS account that owns it, 12 digits.
    pub(crate) account: String,
    /// Its region, which may differ from the environment's.
    pub(crate) region: String,
    /// Whether it is a FIPS 140 endpoint.
    pub(crate) fips: bool,
    /// Whether it is a dual-stack endpoint.
    pub(crate) dual_stack: bool,
}

/// The domains of AWS's partitions, as in amazon-ecr-credential-helper.
const DOMAINS: [&str; 10] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "on.aws",
    "on.amazonwebservices.com.cn",
    "on.amazonwebservices.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "csp.hci.ic.gov",
    "cloud.adc-e.uk",
];

/// Whether `HOST[:PORT]` is Amazon ECR Public.
pub(crate) fn is_public(registry: &str) -> bool {
    registry.split(':').next() == Some("public.ecr.aws")
}

impl EcrHost {
    /// Parses `HOST[:PORT]`; `None` if it is not such a registry.
    ///
    /// `ACCOUNT.dkr.ecr[-fips].REGION.DOMAIN`, or `ACCOUNT.dkr-ecr[-fips].REGION.DOMAIN` of the
    /// dual-stack endpoints.
    pub(crate) fn parse(registry: &str) -> Option<Self> {
        let host = registry.split(':').next()?;
        let (account, rest) = host.split_once('.')?;
        let (dual_stack, rest) = match rest.strip_prefix("dkr-ecr") {
            Some(rest) => (true, rest),
            None => (false, rest.strip_prefix("dkr.ecr")?),
        };
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
            dual_stack,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the documentation, so that neither has a partition that the other lacks.
    #[test]
    fn the_hosts_of_the_documentation_are_read() {
        let document = include_str!("../../../../docs/ecr.md");
        let rows = document.lines().filter_map(|line| {
            let (partition, host) = line.strip_prefix("| `aws")?.split_once(" | `")?;
            Some((partition, host.strip_suffix("` |")?))
        });
        let mut domains = std::collections::BTreeSet::new();
        for (partition, host) in rows {
            let parsed = EcrHost::parse(host).unwrap_or_else(|| panic!("{host}"));
            assert_eq!(parsed.account, "123456789012");
            assert_eq!(parsed.fips, partition.contains("FIPS"), "{host}");
            assert_eq!(
                parsed.dual_stack,
                partition.contains("dual-stack"),
                "{host}"
            );
            let region = host.split('.').find(|part| {
                part.contains("-east")
                    || part.contains("-west")
                    || part.contains("-north")
                    || part.contains("-south")
            });
            assert_eq!(Some(parsed.region.as_str()), region, "{host}");
            let domain = host.split_once(&format!(".{}.", parsed.region)).unwrap().1;
            domains.insert(domain);
        }
        assert_eq!(domains, DOMAINS.into());
    }

    #[test]
    fn a_port_is_not_part_of_the_host() {
        let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        assert_eq!(
            EcrHost::parse(&format!("{host}:5443")),
            EcrHost::parse(host)
        );
    }

    #[test]
    fn other_hosts_are_not_those_of_ecr() {
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
