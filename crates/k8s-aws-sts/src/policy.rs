use crate::{Call, ClusterId, MAX_SKEW, Partition, Region, VerifyError};
use k8s_aws_identity::{EndpointTable, IdentityError};
use k8s_aws_token::{TOKEN_LIFETIME, Token};
use std::time::{Duration, SystemTime};

/// Which tokens may be sent to STS at all.
#[derive(Clone, Debug)]
pub struct Policy {
    partition: Partition,
    endpoints: EndpointTable,
    max_skew: Duration,
}

impl Policy {
    /// Tokens for the STS endpoints of one partition that this build knows.
    pub fn new(partition: Partition) -> Self {
        Self { partition, endpoints: EndpointTable::standard(), max_skew: MAX_SKEW }
    }

    /// Also accepts the endpoints of a region that is newer than this build. The region comes from the operator's
    /// configuration or from the instance we run on, never from a token.
    ///
    /// # Errors
    /// [`IdentityError::RegionOfOtherPartition`].
    pub fn with_region(mut self, region: &Region) -> Result<Self, IdentityError> {
        self.endpoints.add_region(self.partition, region)?;
        Ok(self)
    }

    /// Narrows how far ahead of our clock a token's date may be; more than [`MAX_SKEW`] is taken as [`MAX_SKEW`].
    pub fn with_max_skew(mut self, max_skew: Duration) -> Self {
        self.max_skew = max_skew.min(MAX_SKEW);
        self
    }

    /// The partition whose tokens are accepted.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The endpoints that a token may name, of every partition: those of others are refused by a reason of their own.
    pub fn endpoints(&self) -> &EndpointTable {
        &self.endpoints
    }
}

/// Turns token texts into calls to STS. Immutable; share it freely.
#[derive(Clone, Debug)]
pub struct Verifier {
    policy: Policy,
}

impl Verifier {
    /// A verifier for this policy.
    pub fn new(policy: Policy) -> Self {
        Self { policy }
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Checks everything about a token that can be checked without asking STS.
    ///
    /// `cluster` is the cluster that the caller of this function speaks for.
    ///
    /// # Errors
    /// [`VerifyError::Token`], [`VerifyError::WrongPartition`], [`VerifyError::TokenExpired`] or
    /// [`VerifyError::TokenNotYetValid`]; all of [class](crate::ErrorClass) `Refused`.
    pub fn begin(&self, token: impl AsRef<[u8]>, cluster: &ClusterId, now: SystemTime) -> Result<Call, VerifyError> {
        let token = Token::decode(token, &self.policy.endpoints)?;
        let actual = token.endpoint().partition();
        if actual != self.policy.partition {
            return Err(VerifyError::WrongPartition { actual, expected: self.policy.partition });
        }
        // A date beyond what the clock type can tell the distance of is refused like any other bad date.
        match now.duration_since(token.signed_at()) {
            Ok(age) if age > TOKEN_LIFETIME => return Err(VerifyError::TokenExpired { age }),
            Ok(_) => {}
            Err(ahead) if ahead.duration() > self.policy.max_skew => {
                return Err(VerifyError::TokenNotYetValid { ahead: ahead.duration() });
            }
            Err(_) => {}
        }
        Ok(Call::new(token, cluster.clone()))
    }
}
