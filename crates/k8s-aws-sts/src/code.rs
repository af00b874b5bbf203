//! The error codes of STS, by what they mean for a login.
//!
//! Sources: "Common error types" and the actions' own errors in the STS API reference; the throttling codes are those
//! that the AWS SDKs retry ("Retry behavior" in the AWS SDKs and tools reference guide).

use crate::VerifyError;

/// What STS says when it refuses a token for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// `SignatureDoesNotMatch` and its like. STS also answers this when the token was made for another cluster.
    #[error(
        "the signature does not match; the token was made for another cluster id, with a wrong secret key, or altered"
    )]
    SignatureMismatch,
    /// `InvalidClientTokenId` and its like.
    #[error("the access key or session token is unknown or inactive, or the region is not enabled for the account")]
    UnknownKey,
    /// `ExpiredToken`.
    #[error("the credentials that signed the token have expired")]
    CredentialsExpired,
    /// `RequestExpired`.
    #[error("the token has expired by STS's clock")]
    RequestExpired,
    /// `AccessDenied` and its like.
    #[error("the credentials may not be used here")]
    AccessDenied,
    /// `OptInRequired`, `RegionDisabledException`.
    #[error("the account has no access to STS in this region")]
    RegionDisabled,
    /// `IncompleteSignature`, `MissingAuthenticationToken`.
    #[error("the token's credentials are incomplete")]
    IncompleteSignature,
}

impl Rejection {
    /// A stable code for logs, metrics and programs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::SignatureMismatch => "sts_signature_mismatch",
            Self::UnknownKey => "sts_unknown_key",
            Self::CredentialsExpired => "sts_credentials_expired",
            Self::RequestExpired => "sts_request_expired",
            Self::AccessDenied => "sts_access_denied",
            Self::RegionDisabled => "sts_region_disabled",
            Self::IncompleteSignature => "sts_incomplete_signature",
        }
    }
}

/// The error for a status other than 200; `code` is what a well-formed STS error names.
pub(crate) fn classify(status: u16, code: Option<&str>) -> VerifyError {
    let malformed = |problem| VerifyError::MalformedAnswer { status, problem };
    match (status, code) {
        (400..=599, Some(code)) if is_throttling(code) => VerifyError::Throttled { status },
        (429, _) => VerifyError::Throttled { status },
        (500..=599, _) => VerifyError::Unavailable { status },
        (400..=499, Some(code)) if is_unavailable(code) => VerifyError::Unavailable { status },
        // The statuses that STS rejects with; a proxy's 407 that looks like STS's error is no verdict on a token.
        (400 | 401 | 403, Some(code)) => match rejection(code) {
            Some(rejection) => VerifyError::Rejected { rejection },
            None => malformed("an error code that this request does not get from STS"),
        },
        (400..=499, Some(_)) => malformed("an STS error with a status that STS does not give it"),
        (400..=499, None) => malformed("not an STS error in JSON"),
        (300..=399, _) => malformed("a redirect, which STS does not send"),
        _ => malformed("a status that STS does not send"),
    }
}

fn rejection(code: &str) -> Option<Rejection> {
    Some(match code {
        "SignatureDoesNotMatch" | "InvalidSignatureException" => Rejection::SignatureMismatch,
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" | "AuthFailure" => {
            Rejection::UnknownKey
        }
        "ExpiredToken" | "ExpiredTokenException" => Rejection::CredentialsExpired,
        "RequestExpired" => Rejection::RequestExpired,
        "AccessDenied" | "AccessDeniedException" | "NotAuthorized" => Rejection::AccessDenied,
        "OptInRequired" | "RegionDisabledException" => Rejection::RegionDisabled,
        "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => Rejection::IncompleteSignature,
        _ => return None,
    })
}

fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "LimitExceededException"
            | "ProvisionedThroughputExceededException"
            | "SlowDown"
            | "PriorRequestNotComplete"
            | "TransactionInProgressException"
            | "EC2ThrottledException"
    )
}

fn is_unavailable(code: &str) -> bool {
    matches!(
        code,
        "InternalFailure"
            | "InternalError"
            | "InternalServerError"
            | "ServiceUnavailable"
            | "ServiceUnavailableException"
            | "RequestTimeout"
            | "RequestTimeoutException"
            | "RequestAbortedException"
    )
}
