//! The `TokenReview` around the machine.

use crate::{Authenticator, Outcome, Step, outcome::Why};
use k8s_aws_identity::ClusterId;
use k8s_aws_tokenreview::{
    AudienceMatch, Audiences, TokenReviewError, TokenReviewRequest, TokenReviewResponse, TokenReviewVersion,
};
use std::time::SystemTime;

/// A review that has begun: what has to happen next, and how to answer in the end.
#[derive(Debug)]
pub struct Review {
    /// What has to happen next.
    pub step: Step,
    /// Turns the outcome into the answer.
    pub reply: Reply,
}

impl Review {
    /// Reads the body of a `TokenReview` request and begins to authenticate its token for `cluster`.
    ///
    /// # Errors
    /// A [`TokenReviewError`] for what is no `TokenReview`: its [`http_status`](TokenReviewError::http_status) is the
    /// answer. A bad *token* is no error here but an [`Outcome`].
    pub fn begin(
        authenticator: &Authenticator,
        audiences: &Audiences,
        body: &[u8],
        cluster: &ClusterId,
        now: SystemTime,
    ) -> Result<Self, TokenReviewError> {
        let request = TokenReviewRequest::from_slice(body)?;
        let version = request.version();
        Ok(match audiences.check(request.audiences()) {
            AudienceMatch::Mismatch => {
                Self { step: Step::refused(Why::Audience), reply: Reply { version, audiences: Vec::new() } }
            }
            AudienceMatch::Compatible(audiences) => Self {
                step: authenticator.begin(request.token().expose(), cluster, now),
                reply: Reply { version, audiences },
            },
        })
    }
}

/// How to answer a review: in its version, with the audiences that apply.
#[derive(Clone, Debug)]
pub struct Reply {
    version: TokenReviewVersion,
    audiences: Vec<String>,
}

impl Reply {
    /// The answer for an outcome. A refusal that is not [definite](crate::Refused::is_definite) is an error, so that no
    /// API server remembers it.
    pub fn answer(self, outcome: &Outcome) -> TokenReviewResponse {
        let Self { version, audiences } = self;
        match outcome {
            Outcome::Authenticated(granted) => {
                TokenReviewResponse::authenticated(version, granted.user().clone(), audiences)
            }
            Outcome::Refused(refused) if refused.is_definite() => TokenReviewResponse::denied(version),
            Outcome::Refused(refused) => {
                TokenReviewResponse::error(version, format!("{}: {refused}", refused.reason()), audiences)
            }
        }
    }
}
