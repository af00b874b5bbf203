use k8s_aws_token::TokenError;
use std::time::Duration;

/// Why no token was minted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PresignError {
    /// The access key id is not 16 to 128 letters, digits or underscores.
    #[error("the access key id of the credentials is not one: 16 to 128 letters, digits or underscores are")]
    AccessKeyId,
    /// The secret access key is empty.
    #[error("the credentials have no secret access key")]
    NoSecretKey,
    /// The credentials are over.
    #[error("the credentials expired {} s ago; refresh them", ago.as_secs())]
    CredentialsExpired {
        /// How long ago.
        ago: Duration,
    },
    /// The time given is before 1970 or after 9999.
    #[error("the clock shows a time that no signature can carry; set it")]
    Clock,
    /// What would be minted, no verifier would accept: a session token that is too long or has bytes that none has.
    #[error("the credentials do not make a valid token: {0}")]
    Token(#[from] TokenError),
}

impl PresignError {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::AccessKeyId => "access_key_id_malformed",
            Self::NoSecretKey => "secret_access_key_missing",
            Self::CredentialsExpired { .. } => "credentials_expired",
            Self::Clock => "clock_out_of_range",
            Self::Token(error) => error.reason(),
        }
    }
}
