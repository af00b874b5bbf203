//! Which service, region and partition a host name of AWS stands for.

/// DNS suffixes and the partition of each (`endpoints.json` and `partitions.json` of the AWS SDKs). `aws-us-gov` shares
/// those of `aws` and is told by its regions.
const SUFFIXES: [(&str, &str); 14] = [
    ("amazonaws.com", "aws"),
    ("api.aws", "aws"),
    ("amazonaws.com.cn", "aws-cn"),
    ("api.amazonwebservices.com.cn", "aws-cn"),
    ("amazonaws.eu", "aws-eusc"),
    ("api.amazonwebservices.eu", "aws-eusc"),
    ("c2s.ic.gov", "aws-iso"),
    ("api.aws.ic.gov", "aws-iso"),
    ("sc2s.sgov.gov", "aws-iso-b"),
    ("api.aws.scloud", "aws-iso-b"),
    ("cloud.adc-e.uk", "aws-iso-e"),
    ("api.cloud-aws.adc-e.uk", "aws-iso-e"),
    ("csp.hci.ic.gov", "aws-iso-f"),
    ("api.aws.hci.ic.gov", "aws-iso-f"),
];

/// What a host name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint<'a> {
    /// The service without `-fips`, such as `sts` or `portal.sso`.
    pub(crate) service: &'a str,
    /// The region that requests to this host must be signed for.
    pub(crate) region: &'a str,
    pub(crate) partition: &'static str,
}

impl<'a> Endpoint<'a> {
    /// Reads a host name in lower case without port; `None` if it is not one of AWS.
    ///
    /// Any region of the right shape will do: the fake serves regions that were opened after it was written. A host
    /// without a region (`sts.amazonaws.com`) is signed for `us-east-1`.
    pub(crate) fn of(host: &'a str) -> Option<Self> {
        let (name, partition) = SUFFIXES.iter().find_map(|(suffix, partition)| {
            let name = host.strip_suffix(suffix)?.strip_suffix('.')?;
            Some((name, *partition))
        })?;
        let (service, region) = match name.rsplit_once('.') {
            Some((service, region)) if is_region(region) => (service, region),
            _ if partition == "aws" => (name, "us-east-1"),
            _ => return None,
        };
        let label =
            |l: &str| !l.is_empty() && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let partition = if partition == "aws" && region.starts_with("us-gov-") { "aws-us-gov" } else { partition };
        let service = service.strip_suffix("-fips").unwrap_or(service);
        service.split('.').all(label).then_some(Self { service, region, partition })
    }
}

/// Words of letters, then a number: `eu-west-1`, `us-isob-east-1`.
fn is_region(label: &str) -> bool {
    let mut parts = label.split('-').rev();
    let number = parts.next().is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    let words: Vec<&str> = parts.collect();
    number && words.len() >= 2 && words.iter().all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_every_partition_are_told_apart() {
        for (host, service, region, partition) in [
            ("sts.amazonaws.com", "sts", "us-east-1", "aws"),
            ("sts.eu-west-1.amazonaws.com", "sts", "eu-west-1", "aws"),
            ("sts-fips.us-east-2.amazonaws.com", "sts", "us-east-2", "aws"),
            ("sts.eu-west-1.api.aws", "sts", "eu-west-1", "aws"),
            ("sts-fips.us-gov-west-1.api.aws", "sts", "us-gov-west-1", "aws-us-gov"),
            ("sts.us-gov-east-1.amazonaws.com", "sts", "us-gov-east-1", "aws-us-gov"),
            ("sts.cn-north-1.amazonaws.com.cn", "sts", "cn-north-1", "aws-cn"),
            ("sts.cn-north-1.api.amazonwebservices.com.cn", "sts", "cn-north-1", "aws-cn"),
            ("sts.eusc-de-east-1.amazonaws.eu", "sts", "eusc-de-east-1", "aws-eusc"),
            ("sts.us-iso-east-1.c2s.ic.gov", "sts", "us-iso-east-1", "aws-iso"),
            ("sts.us-isob-east-1.api.aws.scloud", "sts", "us-isob-east-1", "aws-iso-b"),
            ("sts.eu-isoe-west-1.cloud.adc-e.uk", "sts", "eu-isoe-west-1", "aws-iso-e"),
            ("sts.us-isof-south-1.csp.hci.ic.gov", "sts", "us-isof-south-1", "aws-iso-f"),
            ("sts.xx-new-7.amazonaws.com", "sts", "xx-new-7", "aws"),
            ("portal.sso.eu-west-1.amazonaws.com", "portal.sso", "eu-west-1", "aws"),
            ("ec2.eu-west-1.amazonaws.com", "ec2", "eu-west-1", "aws"),
        ] {
            assert_eq!(Endpoint::of(host), Some(Endpoint { service, region, partition }), "{host}");
        }
    }

    #[test]
    fn hosts_of_nobody_are_refused() {
        for host in [
            "",
            "amazonaws.com",
            ".amazonaws.com",
            "sts..amazonaws.com",
            "evilamazonaws.com",
            "sts.amazonaws.com.",
            "sts.amazonaws.com.evil.example",
            "sts.amazonaws.com.cn",
            "STS.amazonaws.com",
            "st_s.amazonaws.com",
            "user@sts.amazonaws.com",
            "localhost",
            "127.0.0.1",
        ] {
            assert_eq!(Endpoint::of(host), None, "{host}");
        }
    }
}
