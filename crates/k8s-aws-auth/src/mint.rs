use aws_credential_types::Credentials;
use k8s_aws_identity::{ClusterId, EndpointKind, IdentityError, Region, StsEndpoint};
use k8s_aws_presign::{PresignError, PresignedToken, presign};
use std::time::SystemTime;

/// Mints a token with no more than names: for the regional STS endpoint of `region`, and the cluster whose id is `cluster`.
///
/// For other kinds of endpoint (FIPS, dual-stack, global), or regions newer than this build, see [`presign`](fn@presign).
///
/// ```
/// use aws_credential_types::Credentials;
/// use std::time::{Duration, UNIX_EPOCH};
///
/// let keys = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None, None, "example");
/// let now = UNIX_EPOCH + Duration::from_secs(1_781_526_896);
/// let token = k8s_aws_auth::mint(&keys, "eu-central-1", "production", now)?;
/// assert!(token.text().expose().starts_with("k8s-aws-v1."));
/// # Ok::<(), k8s_aws_auth::MintError>(())
/// ```
///
/// # Errors
/// [`MintError`].
pub fn mint(
    credentials: &Credentials,
    region: &str,
    cluster: &str,
    now: SystemTime,
) -> Result<PresignedToken, MintError> {
    let endpoint = StsEndpoint::in_region(&Region::parse(region)?, EndpointKind::Regional)?;
    Ok(presign(credentials, &endpoint, &ClusterId::parse(cluster)?, now)?)
}

/// Why [`mint`] made no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The region or the cluster id is none.
    #[error(transparent)]
    Name(#[from] IdentityError),
    /// The credentials make no token.
    #[error(transparent)]
    Presign(#[from] PresignError),
}

impl MintError {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Name(error) => error.reason(),
            Self::Presign(error) => error.reason(),
        }
    }
}
