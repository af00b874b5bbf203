use k8s_aws_identity::{IdentityError, Partition, Region};
use std::sync::Arc;

/// The kinds of EC2 endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EndpointKind {
    /// `ec2.<region>.<suffix>`
    #[default]
    Regional,
    /// `ec2-fips.<region>.<suffix>`; in `aws-us-gov` the regional host itself, which is FIPS-validated there.
    Fips,
    /// `ec2.<region>.<dual-stack suffix>`, reached over IPv4 and IPv6.
    DualStack,
    /// `ec2-fips.<region>.<dual-stack suffix>`
    FipsDualStack,
}

/// One EC2 endpoint: its host, and the region that requests to it are signed for. Cheap to clone.
///
/// Which region is the operator's to say, or that of the instance we run on: never a client's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ec2Endpoint {
    host: Arc<str>,
    partition: Partition,
    region: Region,
    kind: EndpointKind,
}

impl Ec2Endpoint {
    /// The endpoint of any region, also of one newer than this build.
    ///
    /// ```
    /// use k8s_aws_ec2::{Ec2Endpoint, EndpointKind, Partition, Region};
    /// let endpoint = Ec2Endpoint::new(Partition::AwsCn, &Region::parse("cn-north-1")?, EndpointKind::Regional)?;
    /// assert_eq!(endpoint.host(), "ec2.cn-north-1.amazonaws.com.cn");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`IdentityError::RegionOfOtherPartition`] where the region is known to be elsewhere.
    pub fn new(partition: Partition, region: &Region, kind: EndpointKind) -> Result<Self, IdentityError> {
        if let Some(actual) = Partition::of_region(region.as_str()).filter(|p| *p != partition) {
            return Err(IdentityError::RegionOfOtherPartition { actual });
        }
        let (plain, dual) = (partition.dns_suffix(), partition.dual_stack_dns_suffix());
        let host = match kind {
            EndpointKind::Fips if partition == Partition::AwsUsGov => format!("ec2.{region}.{plain}"),
            EndpointKind::Fips => format!("ec2-fips.{region}.{plain}"),
            EndpointKind::Regional => format!("ec2.{region}.{plain}"),
            EndpointKind::DualStack => format!("ec2.{region}.{dual}"),
            EndpointKind::FipsDualStack => format!("ec2-fips.{region}.{dual}"),
        };
        Ok(Self { host: host.into(), partition, region: region.clone(), kind })
    }

    /// The host name, lower case, without a port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The region that requests to this endpoint are signed for.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The partition whose credentials this endpoint knows.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The kind of endpoint.
    pub fn kind(&self) -> EndpointKind {
        self.kind
    }
}
