use crate::{IdentityError, Partition, Region};
use std::sync::Arc;

/// The host of the global endpoint, which only partition `aws` has. Requests to it are signed for `us-east-1`.
pub const GLOBAL_STS_HOST: &str = "sts.amazonaws.com";

/// The kinds of STS endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EndpointKind {
    /// `sts.<region>.<suffix>`
    #[default]
    Regional,
    /// `sts-fips.<region>.<suffix>`; in `aws-us-gov` the regional host itself, which is FIPS-validated there.
    Fips,
    /// `sts.<region>.<dual-stack suffix>`, reached over IPv4 and IPv6.
    DualStack,
    /// `sts-fips.<region>.<dual-stack suffix>`
    FipsDualStack,
    /// `sts.amazonaws.com`
    Global,
}

/// One STS endpoint: its host, and the region that requests to it are signed for. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StsEndpoint(Arc<Inner>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Inner {
    host: Box<str>,
    partition: Partition,
    region: Region,
    kind: EndpointKind,
}

impl StsEndpoint {
    /// The endpoint of a region that this build knows. [`EndpointKind::Global`] exists for the regions of `aws`.
    ///
    /// ```
    /// use k8s_aws_identity::{EndpointKind, Region, StsEndpoint};
    /// let endpoint = StsEndpoint::in_region(&Region::parse("eu-west-1")?, EndpointKind::Regional)?;
    /// assert_eq!(endpoint.host(), "sts.eu-west-1.amazonaws.com");
    /// # Ok::<(), k8s_aws_identity::IdentityError>(())
    /// ```
    ///
    /// # Errors
    /// [`IdentityError::UnknownRegion`]; [`IdentityError::NoGlobalEndpoint`].
    pub fn in_region(region: &Region, kind: EndpointKind) -> Result<Self, IdentityError> {
        let partition = Partition::of_region(region.as_str()).ok_or(IdentityError::UnknownRegion)?;
        Self::in_partition(partition, region, kind)
    }

    /// The endpoint of any region, also of one newer than this build.
    ///
    /// # Errors
    /// [`IdentityError::RegionOfOtherPartition`] where the region is known to be elsewhere;
    /// [`IdentityError::NoGlobalEndpoint`].
    pub fn in_partition(partition: Partition, region: &Region, kind: EndpointKind) -> Result<Self, IdentityError> {
        if let Some(actual) = Partition::of_region(region.as_str()).filter(|p| *p != partition) {
            return Err(IdentityError::RegionOfOtherPartition { actual });
        }
        let (plain, dual) = (partition.dns_suffix(), partition.dual_stack_dns_suffix());
        let host = match kind {
            EndpointKind::Global if partition == Partition::Aws => return Ok(Self::global()),
            EndpointKind::Global => return Err(IdentityError::NoGlobalEndpoint { partition }),
            EndpointKind::Fips if partition == Partition::AwsUsGov => format!("sts.{region}.{plain}"),
            EndpointKind::Fips => format!("sts-fips.{region}.{plain}"),
            EndpointKind::Regional => format!("sts.{region}.{plain}"),
            EndpointKind::DualStack => format!("sts.{region}.{dual}"),
            EndpointKind::FipsDualStack => format!("sts-fips.{region}.{dual}"),
        };
        Ok(Self(Arc::new(Inner { host: host.into(), partition, region: region.clone(), kind })))
    }

    /// The global endpoint of partition `aws`.
    pub fn global() -> Self {
        Self(Arc::new(Inner {
            host: GLOBAL_STS_HOST.into(),
            partition: Partition::Aws,
            region: Region::US_EAST_1,
            kind: EndpointKind::Global,
        }))
    }

    /// The host name, lower case, without a port.
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// The region that requests to this endpoint are signed for; `us-east-1` for the global one.
    pub fn region(&self) -> &Region {
        &self.0.region
    }

    /// The partition whose credentials this endpoint knows.
    pub fn partition(&self) -> Partition {
        self.0.partition
    }

    /// The kind of endpoint.
    pub fn kind(&self) -> EndpointKind {
        self.0.kind
    }
}

/// The STS hosts that a token may name: those of every region of every partition, and regions the operator adds.
///
/// A host is in the table or it is not: there is no pattern, and no host is ever derived from what a client sent.
///
/// ```
/// use k8s_aws_identity::{EndpointTable, Partition, Region};
///
/// let mut table = EndpointTable::standard();
/// assert!(table.find("sts.eu-west-1.amazonaws.com").is_some());
/// assert!(table.find("sts.xx-new-1.amazonaws.com").is_none());
/// table.add_region(Partition::Aws, &Region::parse("xx-new-1")?)?;
/// assert!(table.find("sts.xx-new-1.amazonaws.com").is_some());
/// # Ok::<(), k8s_aws_identity::IdentityError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EndpointTable {
    /// Sorted by host, each host once.
    endpoints: Vec<StsEndpoint>,
}

impl EndpointTable {
    /// The table as AWS publishes it with its SDKs (botocore 1.44.5, November 2026).
    pub fn standard() -> Self {
        let mut table = Self { endpoints: vec![StsEndpoint::global()] };
        for partition in Partition::ALL {
            for region in partition.regions() {
                table.insert_region(partition, &region);
            }
        }
        table.endpoints.sort_unstable_by(|a, b| a.host().cmp(b.host()));
        table
    }

    /// A table of this one endpoint.
    pub fn only(endpoint: StsEndpoint) -> Self {
        Self { endpoints: vec![endpoint] }
    }

    /// Adds the four hosts of a region, as far as they are not there already. The standard table has those of every
    /// region that this build knows.
    ///
    /// # Errors
    /// [`IdentityError::RegionOfOtherPartition`] where the region is, by the built-in table or by an earlier call, one
    /// of another partition.
    pub fn add_region(&mut self, partition: Partition, region: &Region) -> Result<(), IdentityError> {
        let known = self.endpoints.iter().find(|e| e.region() == region).map(StsEndpoint::partition);
        match Partition::of_region(region.as_str()).or(known) {
            Some(actual) if actual != partition => Err(IdentityError::RegionOfOtherPartition { actual }),
            _ => {
                self.insert_region(partition, region);
                self.endpoints.sort_unstable_by(|a, b| a.host().cmp(b.host()));
                self.endpoints.dedup_by(|a, b| a.host() == b.host());
                Ok(())
            }
        }
    }

    /// The endpoint with exactly this host, byte for byte.
    pub fn find(&self, host: &str) -> Option<&StsEndpoint> {
        let at = self.endpoints.binary_search_by(|e| e.host().cmp(host)).ok()?;
        self.endpoints.get(at)
    }

    /// Every endpoint, sorted by host.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &StsEndpoint> {
        self.endpoints.iter()
    }

    /// Appends the region's hosts; the caller sorts.
    fn insert_region(&mut self, partition: Partition, region: &Region) {
        for kind in [EndpointKind::Regional, EndpointKind::Fips, EndpointKind::DualStack, EndpointKind::FipsDualStack] {
            // In aws-us-gov the FIPS host on the plain suffix is the regional host, which is there already.
            let same_host = partition == Partition::AwsUsGov && kind == EndpointKind::Fips;
            if let (false, Ok(endpoint)) = (same_host, StsEndpoint::in_partition(partition, region, kind)) {
                self.endpoints.push(endpoint);
            }
        }
    }
}

impl Default for EndpointTable {
    fn default() -> Self {
        Self::standard()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(name: &str) -> Region {
        Region::parse(name).unwrap()
    }

    #[test]
    fn the_table_has_four_hosts_a_region_and_one_global_host() {
        let table = EndpointTable::standard();
        let regions: usize = Partition::ALL.iter().map(|p| p.regions().len()).sum();
        let gov = Partition::AwsUsGov.regions().len();
        assert_eq!(table.iter().len(), 4 * regions - gov + 1);
        assert!(table.iter().is_sorted_by(|a, b| a.host() < b.host()), "sorted, no host twice");
        for endpoint in table.iter() {
            assert_eq!(table.find(endpoint.host()), Some(endpoint));
            if endpoint.kind() != EndpointKind::Global {
                assert_eq!(StsEndpoint::in_region(endpoint.region(), endpoint.kind()).as_ref(), Ok(endpoint));
            }
        }
    }

    #[test]
    fn hosts_are_composed_as_aws_publishes_them() {
        for (name, kind, host) in [
            ("eu-west-1", EndpointKind::Regional, "sts.eu-west-1.amazonaws.com"),
            ("us-east-1", EndpointKind::Fips, "sts-fips.us-east-1.amazonaws.com"),
            ("eu-west-1", EndpointKind::DualStack, "sts.eu-west-1.api.aws"),
            ("us-west-2", EndpointKind::FipsDualStack, "sts-fips.us-west-2.api.aws"),
            ("eu-west-1", EndpointKind::Global, "sts.amazonaws.com"),
            ("cn-north-1", EndpointKind::Regional, "sts.cn-north-1.amazonaws.com.cn"),
            ("cn-north-1", EndpointKind::DualStack, "sts.cn-north-1.api.amazonwebservices.com.cn"),
            ("us-gov-west-1", EndpointKind::Fips, "sts.us-gov-west-1.amazonaws.com"),
            ("us-gov-west-1", EndpointKind::FipsDualStack, "sts-fips.us-gov-west-1.api.aws"),
            ("us-iso-east-1", EndpointKind::Regional, "sts.us-iso-east-1.c2s.ic.gov"),
            ("us-isob-east-1", EndpointKind::Regional, "sts.us-isob-east-1.sc2s.sgov.gov"),
            ("eu-isoe-west-1", EndpointKind::Regional, "sts.eu-isoe-west-1.cloud.adc-e.uk"),
            ("us-isof-south-1", EndpointKind::Regional, "sts.us-isof-south-1.csp.hci.ic.gov"),
            ("eusc-de-east-1", EndpointKind::Regional, "sts.eusc-de-east-1.amazonaws.eu"),
        ] {
            let endpoint = StsEndpoint::in_region(&region(name), kind).unwrap();
            assert_eq!(endpoint.host(), host);
            assert!(EndpointTable::standard().find(host).is_some(), "{host}");
        }
        assert_eq!(StsEndpoint::global().region().as_str(), "us-east-1");
    }

    #[test]
    fn only_equal_hosts_are_found() {
        let table = EndpointTable::standard();
        for bad in [
            "",
            "amazonaws.com",
            "sts.",
            "STS.eu-west-1.amazonaws.com",
            "sts.eu-west-1.amazonaws.com.",
            "sts.eu-west-1.amazonaws.com.evil.example",
            "xsts.eu-west-1.amazonaws.com",
            "sts.eu-west-1.eu-west-1.amazonaws.com",
            "sts.eu-west-9.amazonaws.com",
            "sts.cn-north-1.amazonaws.com",
            "sts.amazonaws.com.cn",
            "sts-fips.us-gov-west-1.amazonaws.com",
            "s3.eu-west-1.amazonaws.com",
            "sts.us-east-1.amazonaws.eu",
        ] {
            assert_eq!(table.find(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_new_region_can_be_added_to_one_partition_only() {
        let mut table = EndpointTable::standard();
        let new = region("xx-new-1");
        let before = table.iter().len();
        assert_eq!(StsEndpoint::in_region(&new, EndpointKind::Regional), Err(IdentityError::UnknownRegion));
        table.add_region(Partition::AwsCn, &new).unwrap();
        table.add_region(Partition::AwsCn, &new).unwrap();
        assert_eq!(table.iter().len(), before + 4, "adding twice is adding once");
        let found = table.find("sts.xx-new-1.amazonaws.com.cn").unwrap();
        assert_eq!((found.partition(), found.region()), (Partition::AwsCn, &new));
        let elsewhere = Err(IdentityError::RegionOfOtherPartition { actual: Partition::AwsCn });
        assert_eq!(table.add_region(Partition::Aws, &new), elsewhere);
        let gov = Err(IdentityError::RegionOfOtherPartition { actual: Partition::AwsUsGov });
        assert_eq!(table.add_region(Partition::Aws, &region("us-gov-west-1")), gov);
        assert_eq!(
            StsEndpoint::in_partition(Partition::AwsCn, &region("cn-north-1"), EndpointKind::Global),
            Err(IdentityError::NoGlobalEndpoint { partition: Partition::AwsCn })
        );
    }
}
