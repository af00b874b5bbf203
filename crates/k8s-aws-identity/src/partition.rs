//! Partitions and regions, from the partitions data that AWS publishes with its SDKs (botocore 1.44.5, November 2026).

use crate::{IdentityError, names::name_traits};
use std::{fmt, sync::Arc};

/// A part of AWS with accounts, ARNs and endpoints of its own.
///
/// Credentials of one partition are unknown in every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Partition {
    /// `aws`, the commercial regions.
    Aws,
    /// `aws-cn`, China.
    AwsCn,
    /// `aws-eusc`, the European Sovereign Cloud.
    AwsEusc,
    /// `aws-iso`, US Top Secret.
    AwsIso,
    /// `aws-iso-b`, US Secret.
    AwsIsoB,
    /// `aws-iso-e`.
    AwsIsoE,
    /// `aws-iso-f`.
    AwsIsoF,
    /// `aws-us-gov`, GovCloud.
    AwsUsGov,
}

/// One row of the partition table.
struct Row {
    partition: Partition,
    id: &'static str,
    dns_suffix: &'static str,
    dual_stack_dns_suffix: &'static str,
    regions: &'static [&'static str],
}

// In the order of the enum, which `row` relies on and a test checks.
static ROWS: [Row; 8] = [
    Row {
        partition: Partition::Aws,
        id: "aws",
        dns_suffix: "amazonaws.com",
        dual_stack_dns_suffix: "api.aws",
        regions: &[
            "af-south-1",
            "ap-east-1",
            "ap-east-2",
            "ap-northeast-1",
            "ap-northeast-2",
            "ap-northeast-3",
            "ap-south-1",
            "ap-south-2",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-southeast-3",
            "ap-southeast-4",
            "ap-southeast-5",
            "ap-southeast-6",
            "ap-southeast-7",
            "ca-central-1",
            "ca-west-1",
            "eu-central-1",
            "eu-central-2",
            "eu-north-1",
            "eu-south-1",
            "eu-south-2",
            "eu-west-1",
            "eu-west-2",
            "eu-west-3",
            "il-central-1",
            "me-central-1",
            "me-south-1",
            "me-west-1",
            "mx-central-1",
            "sa-east-1",
            "sa-west-1",
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
        ],
    },
    Row {
        partition: Partition::AwsCn,
        id: "aws-cn",
        dns_suffix: "amazonaws.com.cn",
        dual_stack_dns_suffix: "api.amazonwebservices.com.cn",
        regions: &["cn-north-1", "cn-northwest-1"],
    },
    Row {
        partition: Partition::AwsEusc,
        id: "aws-eusc",
        dns_suffix: "amazonaws.eu",
        dual_stack_dns_suffix: "api.amazonwebservices.eu",
        regions: &["eusc-de-east-1"],
    },
    Row {
        partition: Partition::AwsIso,
        id: "aws-iso",
        dns_suffix: "c2s.ic.gov",
        dual_stack_dns_suffix: "api.aws.ic.gov",
        regions: &["us-iso-east-1", "us-iso-west-1"],
    },
    Row {
        partition: Partition::AwsIsoB,
        id: "aws-iso-b",
        dns_suffix: "sc2s.sgov.gov",
        dual_stack_dns_suffix: "api.aws.scloud",
        regions: &["us-isob-east-1", "us-isob-west-1"],
    },
    Row {
        partition: Partition::AwsIsoE,
        id: "aws-iso-e",
        dns_suffix: "cloud.adc-e.uk",
        dual_stack_dns_suffix: "api.cloud-aws.adc-e.uk",
        regions: &["eu-isoe-west-1"],
    },
    Row {
        partition: Partition::AwsIsoF,
        id: "aws-iso-f",
        dns_suffix: "csp.hci.ic.gov",
        dual_stack_dns_suffix: "api.aws.hci.ic.gov",
        regions: &["us-isof-east-1", "us-isof-south-1"],
    },
    Row {
        partition: Partition::AwsUsGov,
        id: "aws-us-gov",
        dns_suffix: "amazonaws.com",
        dual_stack_dns_suffix: "api.aws",
        regions: &["us-gov-east-1", "us-gov-west-1"],
    },
];

impl Partition {
    /// Every partition of the table.
    pub const ALL: [Self; 8] = [
        Self::Aws,
        Self::AwsCn,
        Self::AwsEusc,
        Self::AwsIso,
        Self::AwsIsoB,
        Self::AwsIsoE,
        Self::AwsIsoF,
        Self::AwsUsGov,
    ];

    /// Reads a partition's id, as ARNs carry it.
    ///
    /// # Errors
    /// [`IdentityError::UnknownPartition`] for anything that is not in the table, letter case included.
    pub fn parse(id: &str) -> Result<Self, IdentityError> {
        ROWS.iter().find(|row| row.id == id).map(|row| row.partition).ok_or(IdentityError::UnknownPartition)
    }

    /// The partition that a region of the table belongs to.
    pub fn of_region(region: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.regions.contains(&region)).map(|row| row.partition)
    }

    /// The id, as ARNs carry it: `aws`, `aws-cn`, …
    pub fn as_str(&self) -> &'static str {
        self.row().id
    }

    /// What host names end in: `amazonaws.com`, …
    pub fn dns_suffix(&self) -> &'static str {
        self.row().dns_suffix
    }

    /// What the host names of dual-stack (IPv4 and IPv6) endpoints end in: `api.aws`, …
    pub fn dual_stack_dns_suffix(&self) -> &'static str {
        self.row().dual_stack_dns_suffix
    }

    /// The regions of this partition that this build knows, sorted.
    pub fn regions(&self) -> impl ExactSizeIterator<Item = Region> + use<> {
        self.row().regions.iter().map(|name| Region(Name::Static(name)))
    }

    fn row(&self) -> &'static Row {
        &ROWS[*self as usize]
    }
}

name_traits!(Region);

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Partition {
    type Err = IdentityError;
    fn from_str(id: &str) -> Result<Self, IdentityError> {
        Self::parse(id)
    }
}

/// The name of a region, such as `eu-west-1`: at most 32 lower-case letters, digits and single hyphens.
///
/// A valid name need not be a region that this build knows: AWS opens new ones.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(Name);

#[derive(Clone)]
enum Name {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Region {
    /// `us-east-1`, the region whose name the global endpoint signs with.
    pub const US_EAST_1: Self = Self(Name::Static("us-east-1"));

    /// Reads a region's name.
    ///
    /// # Errors
    /// [`IdentityError::Region`] where the text could not be one label of a host name as AWS writes them.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let shape = text.len() <= 32 && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        let ends = text.starts_with(|c: char| c.is_ascii_lowercase()) && !text.ends_with('-') && !text.contains("--");
        if shape && ends { Ok(Self(Name::Shared(text.into()))) } else { Err(IdentityError::Region) }
    }

    /// The name as AWS writes it.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Name {
    fn as_str(&self) -> &str {
        match self {
            Self::Static(name) => name,
            Self::Shared(name) => name,
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}
impl Eq for Name {}
impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}
impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_finds_its_own_row() {
        for partition in Partition::ALL {
            assert_eq!(partition.row().partition, partition);
            assert_eq!(Partition::parse(partition.as_str()), Ok(partition));
            for region in partition.regions() {
                assert_eq!(Region::parse(region.as_str()), Ok(region.clone()));
                assert_eq!(Partition::of_region(region.as_str()), Some(partition), "{region}");
            }
        }
        assert_eq!(Partition::ALL.len(), ROWS.len());
    }

    #[test]
    fn partitions_are_known_by_their_exact_id() {
        for bad in ["", "AWS", "aws ", "aws-us", "aws-gov", "awscn"] {
            assert_eq!(Partition::parse(bad), Err(IdentityError::UnknownPartition), "{bad:?}");
        }
        assert_eq!(Partition::of_region("us-moon-1"), None);
    }

    #[test]
    fn a_region_is_one_plain_host_label() {
        for good in ["eu-west-1", "eusc-de-east-1", "xx-new-9", "a"] {
            assert_eq!(Region::parse(good).unwrap().as_str(), good);
        }
        let long = "a".repeat(33);
        for bad in ["", "-a", "a-", "a--b", "EU-west-1", "eu.west", "eu_west", "1a", "eu-west-1\n", "ü", &long] {
            assert_eq!(Region::parse(bad), Err(IdentityError::Region), "{bad:?}");
        }
    }

    #[test]
    fn a_region_is_the_same_whether_it_was_built_in_or_read() {
        use std::collections::{BTreeSet, HashSet};
        let [a, b] = ["eu-west-1", "eu-west-2"].map(|name| Region::parse(name).unwrap());
        let read = Region(Name::Shared("eu-west-1".into()));
        assert_eq!(
            (a.partial_cmp(&b), a.partial_cmp(&read)),
            (Some(std::cmp::Ordering::Less), Some(std::cmp::Ordering::Equal))
        );
        assert_eq!(BTreeSet::from([a.clone(), b.clone(), read.clone()]).len(), 2);
        // Two names that hash alike are rare enough: only a hash that ignores the name gives all regions the same.
        let hash = |region: &Region| {
            std::hash::BuildHasher::hash_one(
                &std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default(),
                region,
            )
        };
        let hashes: HashSet<u64> = Partition::Aws.regions().map(|region| hash(&region)).collect();
        assert!(hashes.len() > 1);
        assert_eq!(hash(&a), hash(&read));
    }
}
