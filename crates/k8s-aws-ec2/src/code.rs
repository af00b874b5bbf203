//! The error codes of EC2, by what they mean for a lookup.
//!
//! Sources: "Error codes for the Amazon EC2 API" in the EC2 developer guide; the throttling codes are those that the AWS
//! SDKs retry ("Retry behavior" in the AWS SDKs and tools reference guide).

use crate::Ec2Error;

/// What a code says, whatever the instances.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Throttled,
    Unavailable,
    Unauthorized,
    Rejected,
}

/// The error for a status other than 200; `code` is what a well-formed EC2 error names.
pub(crate) fn classify(status: u16, code: Option<&str>) -> Ec2Error {
    let known = code.and_then(find);
    let named = known.map(|(code, _)| code);
    let malformed = |problem| Ec2Error::MalformedAnswer { status, problem };
    match (status, known) {
        (400..=599, Some((_, Meaning::Throttled))) => Ec2Error::Throttled { status, code: named },
        (429, _) => Ec2Error::Throttled { status, code: named },
        (500..=599, _) => Ec2Error::Unavailable { status, code: named },
        (400..=499, Some((_, Meaning::Unavailable))) => Ec2Error::Unavailable { status, code: named },
        (400..=499, Some((code, Meaning::Unauthorized))) => Ec2Error::Unauthorized { status, code },
        (400..=499, Some((code, Meaning::Rejected))) => Ec2Error::Rejected { status, code },
        (400..=499, None) if code.is_some() => malformed("an error code that this request does not get from EC2"),
        (400..=499, None) => malformed("not an EC2 error in XML"),
        (300..=399, _) => malformed("a redirect, which EC2 does not send"),
        _ => malformed("a status that EC2 does not send"),
    }
}

fn find(code: &str) -> Option<(&'static str, Meaning)> {
    CODES.iter().find(|(known, _)| *known == code).copied()
}

const CODES: &[(&str, Meaning)] = &[
    ("RequestLimitExceeded", Meaning::Throttled),
    ("Throttling", Meaning::Throttled),
    ("ThrottlingException", Meaning::Throttled),
    ("ThrottledException", Meaning::Throttled),
    ("RequestThrottled", Meaning::Throttled),
    ("RequestThrottledException", Meaning::Throttled),
    ("TooManyRequestsException", Meaning::Throttled),
    ("BandwidthLimitExceeded", Meaning::Throttled),
    ("EC2ThrottledException", Meaning::Throttled),
    ("SlowDown", Meaning::Throttled),
    ("InternalError", Meaning::Unavailable),
    ("InternalFailure", Meaning::Unavailable),
    ("ServiceUnavailable", Meaning::Unavailable),
    ("Unavailable", Meaning::Unavailable),
    ("RequestTimeout", Meaning::Unavailable),
    ("RequestTimeoutException", Meaning::Unavailable),
    ("AccessDenied", Meaning::Unauthorized),
    ("AccessDeniedException", Meaning::Unauthorized),
    ("AuthFailure", Meaning::Unauthorized),
    ("Blocked", Meaning::Unauthorized),
    ("ExpiredToken", Meaning::Unauthorized),
    ("IncompleteSignature", Meaning::Unauthorized),
    ("InvalidClientTokenId", Meaning::Unauthorized),
    ("MissingAuthenticationToken", Meaning::Unauthorized),
    ("OptInRequired", Meaning::Unauthorized),
    ("PendingVerification", Meaning::Unauthorized),
    ("RequestExpired", Meaning::Unauthorized),
    ("SignatureDoesNotMatch", Meaning::Unauthorized),
    ("UnauthorizedOperation", Meaning::Unauthorized),
    ("UnrecognizedClientException", Meaning::Unauthorized),
    ("FilterLimitExceeded", Meaning::Rejected),
    ("InvalidAction", Meaning::Rejected),
    ("InvalidFilter", Meaning::Rejected),
    ("InvalidInstanceID", Meaning::Rejected),
    ("InvalidInstanceID.Malformed", Meaning::Rejected),
    ("InvalidInstanceID.NotFound", Meaning::Rejected),
    ("InvalidMaxResults", Meaning::Rejected),
    ("InvalidNextToken", Meaning::Rejected),
    ("InvalidPaginationToken", Meaning::Rejected),
    ("InvalidParameter", Meaning::Rejected),
    ("InvalidParameterCombination", Meaning::Rejected),
    ("InvalidParameterValue", Meaning::Rejected),
    ("InvalidQueryParameter", Meaning::Rejected),
    ("MalformedQueryString", Meaning::Rejected),
    ("MissingAction", Meaning::Rejected),
    ("MissingParameter", Meaning::Rejected),
    ("UnknownParameter", Meaning::Rejected),
    ("Unsupported", Meaning::Rejected),
    ("UnsupportedOperation", Meaning::Rejected),
    ("ValidationError", Meaning::Rejected),
];
