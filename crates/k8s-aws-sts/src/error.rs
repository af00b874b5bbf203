use crate::{MAX_ANSWER_LEN, Partition, Rejection, TokenError};
use k8s_aws_identity::IdentityError;
use std::time::Duration;

/// Why a token was not verified.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The text is not a token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token is for STS of another partition than the configured one.
    #[error("the token was signed for partition {actual}; this verifier is configured for {expected}")]
    WrongPartition {
        /// The partition of the token's host.
        actual: Partition,
        /// The configured partition.
        expected: Partition,
    },
    /// The token's 15 minutes are over.
    #[error("the token was signed {} s ago and was good for 900 s; get a new one, or check both clocks", age.as_secs())]
    TokenExpired {
        /// How long ago it was signed.
        age: Duration,
    },
    /// The token's date is ahead of our clock by more than the policy allows.
    #[error("the token was signed {} s in the future; check the clocks of client and server", ahead.as_secs())]
    TokenNotYetValid {
        /// How far ahead.
        ahead: Duration,
    },
    /// STS said no.
    #[error("STS rejected the token: {rejection}")]
    Rejected {
        /// What STS said.
        rejection: Rejection,
    },
    /// STS is limiting requests. Try again later.
    #[error("STS throttled the request with status {status}")]
    Throttled {
        /// The HTTP status.
        status: u16,
    },
    /// STS could not answer. Try again later.
    #[error("STS answered with status {status}")]
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// No answer came.
    #[error("no answer from STS: {failure}")]
    Transport {
        /// What happened instead.
        failure: TransportFailure,
    },
    /// An answer longer than [`MAX_ANSWER_LEN`].
    #[error("the answer is longer than {MAX_ANSWER_LEN} bytes, so it is not STS's")]
    AnswerTooLong,
    /// An answer that is not one of STS's.
    #[error("an answer with status {status} that is not STS's: {problem}")]
    MalformedAnswer {
        /// The HTTP status.
        status: u16,
        /// What is wrong, as a fixed text.
        problem: &'static str,
    },
    /// An answer whose identity contradicts itself, or is of a kind that no caller has.
    #[error("STS told an identity that cannot be: {0}")]
    MalformedIdentity(IdentityError),
    /// An answer about a principal of another partition.
    #[error("STS told an identity of another partition")]
    AnswerOfOtherPartition,
    /// [`Call::resume`](crate::Call::resume) was given the answer to another call.
    #[error("the answer is about another token or cluster")]
    OtherCall,
}

/// What is known of a failure, and so what may be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// Refused here, before any request: definite.
    Refused,
    /// Refused by STS: definite.
    Rejected,
    /// STS limits requests: not definite, try again later.
    Throttled,
    /// STS could not be reached or could not answer: not definite, try again later.
    Unavailable,
    /// What came back is not STS's answer: not definite, and worth an alarm.
    Malformed,
}

impl ErrorClass {
    /// Whether asking again with the same token must give the same result. Only such a failure may be answered to the
    /// API server as a denial, which it caches; everything else is an error, which it does not cache.
    pub fn is_definite(self) -> bool {
        matches!(self, Self::Refused | Self::Rejected)
    }
}

/// What happened instead of an answer, told by whoever sent the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TransportFailure {
    /// The name did not resolve, or no connection or TLS session came about, or it broke.
    #[error("STS could not be reached")]
    Unreachable,
    /// The time for it was over.
    #[error("the time for it is over")]
    Timeout,
    /// The answer went over the transport's body cap.
    #[error("the answer was too long")]
    AnswerTooLong,
    /// We did not ask, for a reason of our own.
    #[error("a limit of this server is in force")]
    NotAsked,
    /// We did not ask: as many calls as this server makes at a time are under way, and as many wait.
    #[error("this server makes and holds no more calls to STS at a time")]
    LimitReached,
    /// We did not ask: the host failed again and again, and is left alone for some seconds.
    #[error("calls to this STS host fail, and are suspended for some seconds")]
    CircuitOpen,
}

impl VerifyError {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Token(error) => error.reason(),
            Self::WrongPartition { .. } => "token_wrong_partition",
            Self::TokenExpired { .. } => "token_expired",
            Self::TokenNotYetValid { .. } => "token_not_yet_valid",
            Self::Rejected { rejection } => rejection.reason(),
            Self::Throttled { .. } => "sts_throttled",
            Self::Unavailable { .. } => "sts_unavailable",
            Self::Transport { failure: TransportFailure::Unreachable } => "sts_unreachable",
            Self::Transport { failure: TransportFailure::Timeout } => "sts_timeout",
            Self::Transport { failure: TransportFailure::NotAsked } => "sts_not_asked",
            Self::Transport { failure: TransportFailure::LimitReached } => "sts_limit_reached",
            Self::Transport { failure: TransportFailure::CircuitOpen } => "sts_circuit_open",
            Self::Transport { failure: TransportFailure::AnswerTooLong } | Self::AnswerTooLong => "sts_answer_too_long",
            Self::MalformedAnswer { .. } => "sts_answer_malformed",
            Self::MalformedIdentity(_) => "sts_identity_malformed",
            Self::AnswerOfOtherPartition => "sts_identity_other_partition",
            Self::OtherCall => "answer_of_other_call",
        }
    }

    /// What is known of the failure.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Token(_)
            | Self::WrongPartition { .. }
            | Self::TokenExpired { .. }
            | Self::TokenNotYetValid { .. } => ErrorClass::Refused,
            Self::Rejected { .. } => ErrorClass::Rejected,
            Self::Throttled { .. } => ErrorClass::Throttled,
            Self::Transport { failure: TransportFailure::AnswerTooLong } => ErrorClass::Malformed,
            Self::Unavailable { .. } | Self::Transport { .. } => ErrorClass::Unavailable,
            Self::AnswerTooLong
            | Self::MalformedAnswer { .. }
            | Self::MalformedIdentity(_)
            | Self::AnswerOfOtherPartition
            | Self::OtherCall => ErrorClass::Malformed,
        }
    }
}
