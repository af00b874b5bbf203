use crate::{MAX_ANSWER_LEN, MAX_INSTANCES};
use std::time::Duration;

/// Why EC2 did not tell about the instances.
///
/// `code` is the error code that EC2 gave, where it is a known one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ec2Error {
    /// A query for no instance.
    #[error("no instance was asked for")]
    NoInstances,
    /// A query for more than [`MAX_INSTANCES`](crate::MAX_INSTANCES) instances.
    #[error("{count} instances were asked for; one query takes {MAX_INSTANCES}")]
    TooManyInstances {
        /// How many different ones.
        count: usize,
    },
    /// There are no credentials, told by whoever was to get them.
    #[error("no credentials to ask EC2 with")]
    NoCredentials,
    /// The access key id is not 16 to 128 letters, digits or underscores.
    #[error("the access key id of the credentials is not one: 16 to 128 letters, digits or underscores are")]
    AccessKeyId,
    /// The secret access key is empty.
    #[error("the credentials have no secret access key")]
    NoSecretKey,
    /// The session token has bytes that none has, or is longer than 16 KiB.
    #[error("the session token of the credentials is not one: at most 16 KiB of visible ASCII characters are")]
    SessionToken,
    /// The credentials are over.
    #[error("the credentials expired {} s ago; refresh them", ago.as_secs())]
    CredentialsExpired {
        /// How long ago.
        ago: Duration,
    },
    /// The time given is before 1970 or after 9999.
    #[error("the clock shows a time that no signature can carry; set it")]
    Clock,
    /// EC2 does not let these credentials describe instances, or does not know them.
    #[error("EC2 does not allow it: {code}, with status {status}; check the credentials and ec2:DescribeInstances")]
    Unauthorized {
        /// The HTTP status.
        status: u16,
        /// EC2's error code.
        code: &'static str,
    },
    /// EC2 refused the request itself; a page token that is over is one reason.
    #[error("EC2 refused the request: {code}, with status {status}")]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// EC2's error code.
        code: &'static str,
    },
    /// EC2 is limiting requests. Try again later.
    #[error("EC2 throttled the request with status {status}")]
    Throttled {
        /// The HTTP status.
        status: u16,
        /// EC2's error code.
        code: Option<&'static str>,
    },
    /// EC2 could not answer. Try again later.
    #[error("EC2 answered with status {status}")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// EC2's error code.
        code: Option<&'static str>,
    },
    /// No answer came.
    #[error("no answer from EC2: {failure}")]
    Transport {
        /// What happened instead.
        failure: TransportFailure,
    },
    /// An answer longer than [`MAX_ANSWER_LEN`](crate::MAX_ANSWER_LEN). Fewer instances have a shorter one.
    #[error("the answer is longer than {MAX_ANSWER_LEN} bytes")]
    AnswerTooLong,
    /// An answer that is not one of EC2's.
    #[error("an answer with status {status} that is not EC2's: {problem}")]
    MalformedAnswer {
        /// The HTTP status.
        status: u16,
        /// What is wrong, as a fixed text.
        problem: &'static str,
    },
    /// A page told of a next one by a token that led to an earlier page.
    #[error("EC2's pages go round in a circle")]
    PageRepeated,
    /// More pages than the instances could fill.
    #[error("EC2 has more pages than the instances that were asked for could fill")]
    TooManyPages,
}

/// What is known of a failure, and so what may be done about it. None of them is a reason to turn a caller away for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// Refused here, before any request.
    Refused,
    /// Refused by EC2 for the credentials: somebody has to change them or their permissions.
    Unauthorized,
    /// Refused by EC2 for the request.
    Rejected,
    /// EC2 limits requests.
    Throttled,
    /// EC2 could not be reached or could not answer.
    Unavailable,
    /// What came back is not EC2's answer: worth an alarm.
    Malformed,
}

impl ErrorClass {
    /// Whether the same request may well get an answer in a moment.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable)
    }
}

/// What happened instead of an answer, told by whoever sent the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TransportFailure {
    /// The name did not resolve, or no connection or TLS session came about, or it broke.
    #[error("EC2 could not be reached")]
    Unreachable,
    /// The time for it was over.
    #[error("the time for it is over")]
    Timeout,
    /// The answer went over the transport's body cap.
    #[error("the answer was too long")]
    AnswerTooLong,
    /// We did not ask: a limit or a breaker of our own is in force.
    #[error("a limit of this server is in force")]
    NotAsked,
}

impl Ec2Error {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoInstances => "ec2_no_instances",
            Self::TooManyInstances { .. } => "ec2_too_many_instances",
            Self::NoCredentials => "credentials_missing",
            Self::AccessKeyId => "access_key_id_malformed",
            Self::NoSecretKey => "secret_access_key_missing",
            Self::SessionToken => "session_token_malformed",
            Self::CredentialsExpired { .. } => "credentials_expired",
            Self::Clock => "clock_out_of_range",
            Self::Unauthorized { .. } => "ec2_unauthorized",
            Self::Rejected { .. } => "ec2_rejected",
            Self::Throttled { .. } => "ec2_throttled",
            Self::Unavailable { .. } => "ec2_unavailable",
            Self::Transport { failure: TransportFailure::Unreachable } => "ec2_unreachable",
            Self::Transport { failure: TransportFailure::Timeout } => "ec2_timeout",
            Self::Transport { failure: TransportFailure::NotAsked } => "ec2_not_asked",
            Self::Transport { failure: TransportFailure::AnswerTooLong } | Self::AnswerTooLong => "ec2_answer_too_long",
            Self::MalformedAnswer { .. } => "ec2_answer_malformed",
            Self::PageRepeated => "ec2_page_repeated",
            Self::TooManyPages => "ec2_too_many_pages",
        }
    }

    /// What is known of the failure.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NoInstances
            | Self::TooManyInstances { .. }
            | Self::NoCredentials
            | Self::AccessKeyId
            | Self::NoSecretKey
            | Self::SessionToken
            | Self::CredentialsExpired { .. }
            | Self::Clock => ErrorClass::Refused,
            Self::Unauthorized { .. } => ErrorClass::Unauthorized,
            Self::Rejected { .. } => ErrorClass::Rejected,
            Self::Throttled { .. } => ErrorClass::Throttled,
            Self::Transport { failure: TransportFailure::AnswerTooLong } => ErrorClass::Malformed,
            Self::Unavailable { .. } | Self::Transport { .. } => ErrorClass::Unavailable,
            Self::AnswerTooLong | Self::MalformedAnswer { .. } | Self::PageRepeated | Self::TooManyPages => {
                ErrorClass::Malformed
            }
        }
    }

    /// EC2's error code, such as `RequestLimitExceeded`, where it gave one that is known.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Unauthorized { code, .. } | Self::Rejected { code, .. } => Some(code),
            Self::Throttled { code, .. } | Self::Unavailable { code, .. } => *code,
            _ => None,
        }
    }
}
