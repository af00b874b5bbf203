use std::time::SystemTime;

use serde::Serialize;
use serde::de::MapAccess;

use crate::encode::{json_len, to_json};
use crate::envelope::{Body, read_object};
use crate::strict::{Member, Members};
use crate::timestamp::Timestamp;
use crate::{BearerToken, Document, ExecCredentialVersion, TokenReviewError};

const EXPIRATION: &str = "status.expirationTimestamp";

/// An `ExecCredential` as a credential plugin prints it: a bearer token, and until when the client may keep using it.
///
/// Source: the Kubernetes reference "Client Authentication". The client checks that `apiVersion` is the one it named,
/// and reads `status` alone.
#[derive(Clone, Debug)]
pub struct ExecCredential {
    version: ExecCredentialVersion,
    token: BearerToken,
    expiration: Option<Timestamp>,
}

impl ExecCredential {
    /// A credential to print, in the version that [`ExecInfo`](crate::ExecInfo) names.
    ///
    /// `expiration` is rounded down to the second. Without one the client keeps the token until a server refuses it.
    ///
    /// # Errors
    ///
    /// [`TokenReviewError::Timestamp`] if `expiration` is not in the years 0 to 9999.
    pub fn new(
        version: ExecCredentialVersion,
        token: BearerToken,
        expiration: Option<SystemTime>,
    ) -> Result<Self, TokenReviewError> {
        let malformed = TokenReviewError::Timestamp { document: Document::ExecCredential, field: EXPIRATION };
        let expiration = match expiration {
            Some(time) => Some(Timestamp::from_system_time(time).ok_or(malformed)?),
            None => None,
        };
        Ok(Self { version, token, expiration })
    }

    /// Reads what a plugin printed. The expiration may have an offset and a fraction, and is rounded down to the second.
    ///
    /// # Errors
    ///
    /// A [`TokenReviewError`] for anything that is not an `ExecCredential` of a known version with a bearer token; a
    /// client certificate alone is not enough.
    pub fn from_slice(output: &[u8]) -> Result<Self, TokenReviewError> {
        let document = Document::ExecCredential;
        let (api_version, status) = read_object::<StatusMembers>(document, output)?;
        let version = ExecCredentialVersion::parse(document, &api_version)?;
        let status = status.ok_or(TokenReviewError::MissingField { document, field: "status" })?;
        let token = status.token.ok_or(TokenReviewError::MissingField { document, field: "status.token" })??;
        let malformed = TokenReviewError::Timestamp { document, field: EXPIRATION };
        let expiration = match status.expiration {
            Some(text) => Some(Timestamp::parse(&text).ok_or(malformed)?),
            None => None,
        };
        Ok(Self { version, token, expiration })
    }

    /// The version of the credential.
    pub fn version(&self) -> ExecCredentialVersion {
        self.version
    }

    /// The bearer token.
    pub fn token(&self) -> &BearerToken {
        &self.token
    }

    /// Until when the client may use the token, in whole seconds; `None` if that is not known.
    pub fn expiration(&self) -> Option<SystemTime> {
        self.expiration.map(Timestamp::to_system_time)
    }

    /// The token and nothing else, without a copy.
    pub fn into_token(self) -> BearerToken {
        self.token
    }

    /// The JSON to print on standard output, without a line break, with the token in plain text.
    ///
    /// `spec` is `{"interactive":false}` in every version: the reference requires it, and no client reads it.
    pub fn to_json_exposing_token(&self) -> Vec<u8> {
        let wire = Wire {
            kind: Document::ExecCredential.kind(),
            api_version: self.version.api_version(),
            spec: WireSpec { interactive: false },
            status: WireStatus { expiration: self.expiration.map(Timestamp::to_rfc3339), token: self.token.expose() },
        };
        to_json(&wire, json_len(self.token.expose()).saturating_add(256))
    }
}

/// In the order in which Go's `k8s.io/client-go/pkg/apis/clientauthentication/v1` writes.
#[derive(Serialize)]
struct Wire<'a> {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    api_version: &'static str,
    spec: WireSpec,
    status: WireStatus<'a>,
}

#[derive(Serialize)]
struct WireSpec {
    interactive: bool,
}

#[derive(Serialize)]
struct WireStatus<'a> {
    #[serde(rename = "expirationTimestamp", skip_serializing_if = "Option::is_none")]
    expiration: Option<String>,
    token: &'a str,
}

#[derive(Default)]
struct StatusMembers {
    /// Kept as a secret from the moment it is read, so that it is zeroized whatever comes after it.
    token: Option<Result<BearerToken, TokenReviewError>>,
    expiration: Option<String>,
}

impl Members for StatusMembers {
    const NAMES: &'static [(&'static str, &'static str)] =
        &[("token", "status.token"), ("expirationTimestamp", EXPIRATION)];

    fn member<'de, A: MapAccess<'de>>(&mut self, name: &'static str, member: Member<'_, A>) -> Result<(), A::Error> {
        match name {
            "token" => self.token = member.string()?.map(BearerToken::new),
            "expirationTimestamp" => self.expiration = member.string()?,
            _ => member.ignore()?,
        }
        Ok(())
    }
}

impl Body for StatusMembers {
    const IN: &'static str = "status";
}
