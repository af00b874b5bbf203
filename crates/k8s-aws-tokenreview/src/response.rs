use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::encode::to_json;
use crate::envelope::{Body, read_object};
use crate::strict::{Member, Members};
use crate::{Document, TokenReviewError, TokenReviewVersion};

/// Whom a token belongs to: `status.user` of a `TokenReview`.
///
/// Serialized, members that are empty are left out, as Go does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UserInfo {
    /// The name that RBAC rules match. Kubernetes requires one of an authenticated user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// What stays the same while names change hands; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The groups, in the order they are answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Anything else. It shows in audit logs and to admission webhooks: nothing confidential belongs here.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Vec<String>>,
}

/// What a review came to.
///
/// An API server caches [`Authenticated`](Self::Authenticated) and [`Denied`](Self::Denied) for the time it is set to
/// (`--authentication-token-webhook-cache-ttl`, two minutes by default), and asks again after an
/// [`Error`](Self::Error).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewOutcome {
    /// The token is this user's.
    Authenticated {
        /// The user.
        user: UserInfo,
        /// `status.audiences`; empty if left out, which means "valid for the API server".
        audiences: Vec<String>,
    },
    /// The token is definitely nobody's.
    Denied,
    /// It could not be found out whose token it is.
    Error {
        /// `status.error`, never empty. The API server logs it.
        message: String,
        /// `status.audiences`, as for an authenticated user.
        audiences: Vec<String>,
    },
}

/// A `TokenReview` as a webhook answers it. It never holds the token that was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenReviewResponse {
    version: TokenReviewVersion,
    outcome: ReviewOutcome,
}

impl TokenReviewResponse {
    /// The token is this user's. `version` is that of the request; `audiences` come from
    /// [`Audiences::check`](crate::Audiences::check).
    pub fn authenticated(version: TokenReviewVersion, user: UserInfo, audiences: Vec<String>) -> Self {
        Self { version, outcome: ReviewOutcome::Authenticated { user, audiences } }
    }

    /// The token is definitely not valid. The API server will remember that.
    pub fn denied(version: TokenReviewVersion) -> Self {
        Self { version, outcome: ReviewOutcome::Denied }
    }

    /// It could not be found out whose token this is; the API server may ask again at once.
    ///
    /// `audiences` are answered here as for an authenticated user, and for a reason: an API server compares audiences
    /// before it looks at the error, and where they do not fit it records a denial, which it remembers
    /// (`k8s.io/apiserver`, `plugin/pkg/authenticator/token/webhook`). An empty message would be a denial too, so a
    /// general one takes its place.
    pub fn error(version: TokenReviewVersion, message: impl Into<String>, audiences: Vec<String>) -> Self {
        let message = Some(message.into()).filter(|message| !message.is_empty());
        let message = message.unwrap_or_else(|| "the token could not be checked".to_owned());
        Self { version, outcome: ReviewOutcome::Error { message, audiences } }
    }

    /// Reads a response as an API server does: `error` is ignored in an authenticated one, members that are absent are
    /// empty. Unlike an API server it wants `kind` and `apiVersion`, which a webhook must answer.
    ///
    /// # Errors
    ///
    /// A [`TokenReviewError`] for what is no response: see
    /// [`TokenReviewRequest::from_slice`](crate::TokenReviewRequest::from_slice) for the rules that both follow. Also
    /// for an authenticated user without a name.
    pub fn from_slice(body: &[u8]) -> Result<Self, TokenReviewError> {
        let document = Document::TokenReviewResponse;
        let (api_version, status) = read_object::<StatusMembers>(document, body)?;
        let version = TokenReviewVersion::parse(document, &api_version)?;
        let status = status.ok_or(TokenReviewError::MissingField { document, field: "status" })?;
        let StatusMembers { authenticated, user, audiences, error } = status;
        let outcome = match (authenticated, error) {
            (true, _) => {
                let user = user.map(|UserMembers(user)| user).filter(|user| !user.username.is_empty());
                let user = user.ok_or(TokenReviewError::MissingField { document, field: "status.user.username" })?;
                ReviewOutcome::Authenticated { user, audiences }
            }
            (false, Some(message)) => ReviewOutcome::Error { message, audiences },
            (false, None) => ReviewOutcome::Denied,
        };
        Ok(Self { version, outcome })
    }

    /// The version of the response.
    pub fn version(&self) -> TokenReviewVersion {
        self.version
    }

    /// What the review came to.
    pub fn outcome(&self) -> &ReviewOutcome {
        &self.outcome
    }

    /// The user, if the token is somebody's.
    pub fn user(&self) -> Option<&UserInfo> {
        match &self.outcome {
            ReviewOutcome::Authenticated { user, .. } => Some(user),
            ReviewOutcome::Denied | ReviewOutcome::Error { .. } => None,
        }
    }

    /// The body to answer with, as `application/json` and HTTP status 200.
    pub fn to_json(&self) -> Vec<u8> {
        let status = match &self.outcome {
            ReviewOutcome::Authenticated { user, audiences } => {
                WireStatus { authenticated: true, user: Some(user), audiences, error: None }
            }
            ReviewOutcome::Denied => WireStatus { authenticated: false, user: None, audiences: &[], error: None },
            ReviewOutcome::Error { message, audiences } => {
                WireStatus { authenticated: false, user: None, audiences, error: Some(message) }
            }
        };
        let (kind, api_version) = (Document::TokenReviewResponse.kind(), self.version.api_version());
        to_json(&Wire { kind, api_version, status }, 1024)
    }
}

/// In the order in which Go's `k8s.io/api/authentication/v1` writes; `metadata` and `spec` are left out, which the
/// Kubernetes documentation allows for the latter and the API conventions for the former.
#[derive(Serialize)]
struct Wire<'a> {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    status: WireStatus<'a>,
}

#[derive(Serialize)]
struct WireStatus<'a> {
    /// Written when false too, as in the examples of the Kubernetes documentation: a denial should look like one.
    authenticated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a UserInfo>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    audiences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Default)]
struct StatusMembers {
    authenticated: bool,
    user: Option<UserMembers>,
    audiences: Vec<String>,
    error: Option<String>,
}

impl Members for StatusMembers {
    const NAMES: &'static [(&'static str, &'static str)] = &[
        ("authenticated", "status.authenticated"),
        ("user", "status.user"),
        ("audiences", "status.audiences"),
        ("error", "status.error"),
    ];

    fn member<'de, A: MapAccess<'de>>(&mut self, name: &'static str, member: Member<'_, A>) -> Result<(), A::Error> {
        match name {
            "authenticated" => self.authenticated = member.boolean()?.unwrap_or_default(),
            "user" => self.user = member.object()?,
            "audiences" => self.audiences = member.strings()?.unwrap_or_default(),
            "error" => self.error = member.string()?.filter(|error| !error.is_empty()),
            _ => member.ignore()?,
        }
        Ok(())
    }
}

impl Body for StatusMembers {
    const IN: &'static str = "status";
}

const EXTRA: &str = "a map of lists of strings, each key once";

#[derive(Default)]
struct UserMembers(UserInfo);

impl Members for UserMembers {
    const NAMES: &'static [(&'static str, &'static str)] = &[
        ("username", "status.user.username"),
        ("uid", "status.user.uid"),
        ("groups", "status.user.groups"),
        ("extra", "status.user.extra"),
    ];

    fn member<'de, A: MapAccess<'de>>(&mut self, name: &'static str, member: Member<'_, A>) -> Result<(), A::Error> {
        let Self(user) = self;
        match name {
            "username" => user.username = member.string()?.unwrap_or_default(),
            "uid" => user.uid = member.string()?.unwrap_or_default(),
            "groups" => user.groups = member.strings()?.unwrap_or_default(),
            "extra" => user.extra = member.value(EXTRA)?.map(|Extra(extra)| extra).unwrap_or_default(),
            _ => member.ignore()?,
        }
        Ok(())
    }
}

struct Extra(BTreeMap<String, Vec<String>>);

impl<'de> Deserialize<'de> for Extra {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ExtraVisitor)
    }
}

struct ExtraVisitor;

impl<'de> Visitor<'de> for ExtraVisitor {
    type Value = Extra;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXTRA)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Extra, A::Error> {
        let mut extra = BTreeMap::new();
        while let Some((key, values)) = map.next_entry::<String, Option<Vec<String>>>()? {
            match extra.entry(key) {
                Entry::Vacant(vacant) => vacant.insert(values.unwrap_or_default()),
                Entry::Occupied(_) => return Err(A::Error::custom("a key twice")),
            };
        }
        Ok(Extra(extra))
    }
}
