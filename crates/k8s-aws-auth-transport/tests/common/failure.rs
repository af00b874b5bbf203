//! What the rules that all transports keep are told of an error.

use k8s_aws_auth_transport::TransportError;
use k8s_aws_fake::conformance::{Failure, Kind};

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
pub(crate) fn failure(error: TransportError) -> Failure {
    let kind = match error {
        TransportError::Unsendable(_) => Kind::Unsendable,
        TransportError::Connect(_) => Kind::Connect,
        TransportError::Timeout { limit } => Kind::Timeout { limit },
        TransportError::BodyTooLong { limit } => Kind::BodyTooLong { limit },
        _ => Kind::Broken,
    };
    Failure::of(kind, &error)
}
