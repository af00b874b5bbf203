//! Mints `k8s-aws-v1.` bearer tokens: a SigV4 presigner for one call.
//!
//! A token is a presigned STS `GetCallerIdentity` URL, bound to one cluster by the signed header `x-k8s-aws-id`. Minting
//! one takes credentials, an STS endpoint, a cluster id and the time; nothing is sent anywhere.
//!
//! # Guarantees
//!
//! * Byte for byte what other clients make of the same inputs: with [`ParameterOrder::Go`] the URL of aws-sdk-go-v2 and
//!   `aws-iam-authenticator`, with [`ParameterOrder::Botocore`] that of botocore and `aws eks get-token`.
//! * What is minted passes the gate of `k8s-aws-token`: inputs that would not are refused.
//! * [`PresignedToken::expires_at`] is the earlier of [`USABLE_FOR`] after signing and the end of the credentials.
//! * Nothing is logged. Buffers of ours that hold the session token or the token are zeroized, and no `Debug` shows them.
//!   (The signing key passes through `aws-sigv4`, whose own buffers are not zeroized.)
//!
//! # Not in scope
//!
//! Where credentials and regions come from, and refreshing: see `k8s-aws-auth-credentials`. Signing other calls: use
//! `aws-sigv4` itself. The canonical request of this one call has a fixed shape, so it is composed here, and `aws-sigv4` does
//! the cryptography; its full request signer would write the session token to the log at TRACE.
//!
//! ```
//! use aws_credential_types::Credentials;
//! use k8s_aws_presign::{ClusterId, EndpointKind, Region, StsEndpoint, presign};
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! let keys = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None, None, "example");
//! let endpoint = StsEndpoint::in_region(&Region::parse("us-west-2")?, EndpointKind::Regional)?;
//! let cluster = ClusterId::parse("production")?;
//! let now = UNIX_EPOCH + Duration::from_secs(1_781_526_896);
//!
//! let token = presign(&keys, &endpoint, &cluster, now)?;
//! assert!(token.text().expose().starts_with("k8s-aws-v1."));
//! assert_eq!(token.expires_at(), now + Duration::from_secs(14 * 60));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Errors
//!
//! [`PresignError`]: the credentials make no token, or the clock shows a time that no signature can carry. Its `reason()` is a stable
//! code such as `credentials_expired`.

mod canonical;
mod error;

pub use error::PresignError;
pub use k8s_aws_identity::{ClusterId, EndpointKind, Region, StsEndpoint};
pub use k8s_aws_token::TokenText;

use aws_credential_types::Credentials;
use canonical::{Inputs, STS_SERVICE};
use k8s_aws_identity::{AccessKeyId, AmzDate, EndpointTable};
use k8s_aws_token::Token;
use std::time::{Duration, SystemTime};

/// How long after signing a client may use a token: a minute less than STS accepts it.
pub const USABLE_FOR: Duration = Duration::from_secs(14 * 60);

/// `X-Amz-Expires` of the tokens, in seconds. STS ignores it; servers up to version 0.3.0 of the Go program refuse more.
pub const AMZ_EXPIRES: u16 = 60;

/// The order of the parameters in the URL, and what becomes of an empty session token. To STS all of them mean the same;
/// it makes tokens comparable with other clients'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ParameterOrder {
    /// As aws-sdk-go-v2 writes them, and so `aws-iam-authenticator`: sorted, the signature last; an empty session token
    /// is taken for none.
    #[default]
    Go,
    /// As botocore writes them, and so `aws eks get-token`: the session token behind the signed headers, also an empty one.
    Botocore,
}

/// A token and when a client stops using it.
#[derive(Clone, Debug)]
pub struct PresignedToken {
    text: TokenText,
    expires_at: SystemTime,
}

impl PresignedToken {
    /// The token text.
    pub fn text(&self) -> &TokenText {
        &self.text
    }

    /// When to stop using it: `expirationTimestamp` of an `ExecCredential`.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}

/// Mints a token in the Go program's form.
///
/// `now` must be within 15 minutes of STS's clock for the token to be any good.
///
/// # Errors
/// See [`PresignError`].
pub fn presign(
    credentials: &Credentials,
    endpoint: &StsEndpoint,
    cluster: &ClusterId,
    now: SystemTime,
) -> Result<PresignedToken, PresignError> {
    presign_in_order(credentials, endpoint, cluster, now, ParameterOrder::Go)
}

/// [`presign`] with a choice of [`ParameterOrder`].
///
/// # Errors
/// See [`PresignError`].
pub fn presign_in_order(
    credentials: &Credentials,
    endpoint: &StsEndpoint,
    cluster: &ClusterId,
    now: SystemTime,
    order: ParameterOrder,
) -> Result<PresignedToken, PresignError> {
    let date = AmzDate::from_time(now).map_err(|_| PresignError::Clock)?;
    if let Some(expiry) = credentials.expiry().filter(|expiry| *expiry <= now) {
        let ago = now.duration_since(expiry).unwrap_or_default();
        return Err(PresignError::CredentialsExpired { ago });
    }
    if credentials.secret_access_key().is_empty() {
        return Err(PresignError::NoSecretKey);
    }
    let access_key_id = AccessKeyId::parse(credentials.access_key_id()).map_err(|_| PresignError::AccessKeyId)?;
    let inputs = Inputs {
        access_key_id: &access_key_id,
        // Where a profile has an empty line for the session token, the Go SDK takes it for none; botocore signs it.
        session_token: match order {
            ParameterOrder::Go => credentials.session_token().filter(|token| !token.is_empty()),
            ParameterOrder::Botocore => credentials.session_token(),
        },
        endpoint,
        cluster,
        date: &date,
    };

    let key = aws_sigv4::sign::v4::generate_signing_key(
        credentials.secret_access_key(),
        date.time(),
        endpoint.region().as_str(),
        STS_SERVICE,
    );
    let signature = aws_sigv4::sign::v4::calculate_signature(key, inputs.string_to_sign().as_bytes());

    let url = inputs.url(&signature, order);
    let token = Token::from_url(&url, &EndpointTable::only(endpoint.clone()))?;
    let usable_until = now + USABLE_FOR;
    let expires_at = credentials.expiry().map_or(usable_until, |expiry| expiry.min(usable_until));
    Ok(PresignedToken { text: token.to_text(), expires_at })
}
