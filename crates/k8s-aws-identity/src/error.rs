use crate::Partition;

/// Why a value is not a valid AWS name, ARN or identity.
///
/// The messages name the rule that was broken and never repeat the input: it may come from an unauthenticated client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Not twelve ASCII digits.
    #[error("an AWS account id is exactly 12 digits, leading zeros included")]
    AccountId,
    /// Not 16 to 128 characters of `A-Z a-z 0-9 _`.
    #[error("an access key id is 16 to 128 letters, digits or underscores")]
    AccessKeyId,
    /// Empty, longer than [`MAX_CLUSTER_ID_LEN`](crate::MAX_CLUSTER_ID_LEN), or with a byte that a header cannot carry
    /// unchanged.
    #[error(
        "a cluster id is 1 to 256 printable ASCII characters, with no space at either end and no two spaces in a row"
    )]
    ClusterId,
    /// Not `i-` and 8 or 17 lower-case hexadecimal digits.
    #[error("an instance id is `i-` and 8 or 17 lower-case hexadecimal digits")]
    InstanceId,
    /// Not a partition of the built-in table.
    #[error("not the id of a known AWS partition, such as `aws`, `aws-cn` or `aws-us-gov`")]
    UnknownPartition,
    /// Not lower-case letters, digits and single hyphens.
    #[error("a region is at most 32 lower-case letters, digits and single hyphens, and starts with a letter")]
    Region,
    /// A well-formed region that is in no partition of the built-in table.
    #[error("not a known AWS region; name its partition to use a region newer than this build")]
    UnknownRegion,
    /// A region that belongs to another partition than the one it was used with.
    #[error("the region belongs to partition {actual}")]
    RegionOfOtherPartition {
        /// The partition that the region belongs to.
        actual: Partition,
    },
    /// Partition `aws` is the only one with a global STS endpoint.
    #[error("partition {partition} has no global STS endpoint; use a regional one")]
    NoGlobalEndpoint {
        /// The partition asked for.
        partition: Partition,
    },
    /// Not `YYYYMMDDTHHMMSSZ`, not a day of the calendar, or outside the years 1970 to 9999.
    #[error("a SigV4 date is a real UTC time between 1970 and 9999, written YYYYMMDDTHHMMSSZ")]
    AmzDate,
    /// Not the ARN of an IAM or STS principal.
    #[error("not the ARN of a principal: {problem}")]
    Arn {
        /// The part of the ARN that is at fault, as a fixed text.
        problem: &'static str,
    },
    /// The account that STS names is not the one in the ARN that it names.
    #[error("the account id is not the account of the ARN")]
    AccountMismatch,
    /// The user id does not have the form that its kind of principal has, or is not about the ARN's session.
    #[error("the user id does not fit the ARN: {problem}")]
    UserId {
        /// What does not fit, as a fixed text.
        problem: &'static str,
    },
    /// A principal that `GetCallerIdentity` does not answer with, such as a role that nobody has assumed.
    #[error("no caller has an ARN of this kind; a role's caller is an `assumed-role`")]
    NotACaller,
}

impl IdentityError {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::AccountId => "account_id_malformed",
            Self::AccessKeyId => "access_key_id_malformed",
            Self::ClusterId => "cluster_id_malformed",
            Self::InstanceId => "instance_id_malformed",
            Self::UnknownPartition => "partition_unknown",
            Self::Region => "region_malformed",
            Self::UnknownRegion => "region_unknown",
            Self::RegionOfOtherPartition { .. } => "region_of_other_partition",
            Self::NoGlobalEndpoint { .. } => "no_global_endpoint",
            Self::AmzDate => "date_malformed",
            Self::Arn { .. } => "arn_malformed",
            Self::AccountMismatch => "account_mismatch",
            Self::UserId { .. } => "user_id_mismatch",
            Self::NotACaller => "principal_unsupported",
        }
    }
}
