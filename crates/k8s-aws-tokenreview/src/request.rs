use serde::Serialize;
use serde::de::MapAccess;

use crate::encode::{json_len, to_json};
use crate::envelope::{Body, read_object};
use crate::strict::{Member, Members};
use crate::{BearerToken, Document, TokenReviewError, TokenReviewVersion};

/// The most `spec.audiences` that a request may name.
///
/// An API server sends its own `--api-audiences`, a handful; reviews that users create through it may name others. The
/// limit keeps a body of nothing but audiences from taking many times its size in memory.
pub const MAX_AUDIENCES: usize = 64;

/// A `TokenReview` as an API server posts it to a webhook: "whose token is this, and is it for these audiences?"
///
/// Members other than `kind`, `apiVersion`, `spec.token` and `spec.audiences` are not kept. `metadata` and `status` may
/// not occur twice or in other letter case either, though nothing in them is read.
#[derive(Clone, Debug)]
pub struct TokenReviewRequest {
    version: TokenReviewVersion,
    token: BearerToken,
    audiences: Vec<String>,
}

impl TokenReviewRequest {
    /// A request to post; the other side of [`from_slice`](Self::from_slice).
    ///
    /// Nothing is refused here. A webhook of this crate takes up to [`MAX_AUDIENCES`] audiences and up to
    /// [`MAX_DOCUMENT_BYTES`](crate::MAX_DOCUMENT_BYTES) of JSON.
    pub fn new(version: TokenReviewVersion, token: BearerToken, audiences: Vec<String>) -> Self {
        Self { version, token, audiences }
    }

    /// Reads the body of a request.
    ///
    /// `null` counts as absent, as it does in Kubernetes; `spec.audiences` may be absent.
    ///
    /// # Errors
    ///
    /// A [`TokenReviewError`] whose [`http_status`](TokenReviewError::http_status) is the answer to give: for bytes that
    /// are too many, not one JSON object, nested too deeply; for a `kind` or `apiVersion` that is another or missing;
    /// for a token that is missing or empty; for a member that is read and occurs twice, in other letter case or with a
    /// value of another type.
    pub fn from_slice(body: &[u8]) -> Result<Self, TokenReviewError> {
        let document = Document::TokenReviewRequest;
        let (api_version, spec) = read_object::<SpecMembers>(document, body)?;
        let version = TokenReviewVersion::parse(document, &api_version)?;
        let spec = spec.ok_or(TokenReviewError::MissingField { document, field: "spec" })?;
        let token = spec.token.ok_or(TokenReviewError::MissingField { document, field: "spec.token" })??;
        Ok(Self { version, token, audiences: spec.audiences })
    }

    /// The version of the request, which the response must have too.
    pub fn version(&self) -> TokenReviewVersion {
        self.version
    }

    /// The token to review.
    pub fn token(&self) -> &BearerToken {
        &self.token
    }

    /// `spec.audiences`; empty if none are named. See [`Audiences`](crate::Audiences).
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// The token and nothing else, without a copy.
    pub fn into_token(self) -> BearerToken {
        self.token
    }

    /// The JSON that a Go API server posts, with the token in plain text. The caller wipes it, or sends it and forgets.
    pub fn to_json_exposing_token(&self) -> Vec<u8> {
        let wire = Wire {
            kind: Document::TokenReviewRequest.kind(),
            api_version: self.version.api_version(),
            metadata: Empty {},
            spec: WireSpec { token: self.token.expose(), audiences: &self.audiences },
            status: WireStatus { user: Empty {} },
        };
        let texts = self.audiences.iter().map(String::as_str).chain([self.token.expose()]);
        to_json(&wire, texts.map(json_len).fold(256, usize::saturating_add))
    }
}

#[derive(Default)]
struct SpecMembers {
    /// Kept as a secret from the moment it is read, so that it is zeroized whatever comes after it.
    token: Option<Result<BearerToken, TokenReviewError>>,
    audiences: Vec<String>,
}

impl Members for SpecMembers {
    const NAMES: &'static [(&'static str, &'static str)] = &[("token", "spec.token"), ("audiences", "spec.audiences")];

    fn member<'de, A: MapAccess<'de>>(&mut self, name: &'static str, member: Member<'_, A>) -> Result<(), A::Error> {
        let document = member.document();
        match name {
            "token" => self.token = member.string()?.map(BearerToken::new),
            "audiences" => {
                let too_many = TokenReviewError::TooManyAudiences { document, limit: MAX_AUDIENCES };
                self.audiences = member.strings_up_to(MAX_AUDIENCES, too_many)?.unwrap_or_default();
            }
            _ => member.ignore()?,
        }
        Ok(())
    }
}

impl Body for SpecMembers {
    const IN: &'static str = "spec";
}

/// In the order and with the empty members that Go's `k8s.io/api/authentication/v1` writes.
#[derive(Serialize)]
struct Wire<'a> {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    metadata: Empty,
    spec: WireSpec<'a>,
    status: WireStatus,
}

#[derive(Serialize)]
struct WireSpec<'a> {
    token: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    audiences: &'a [String],
}

#[derive(Serialize)]
struct WireStatus {
    user: Empty,
}

#[derive(Serialize)]
struct Empty {}
