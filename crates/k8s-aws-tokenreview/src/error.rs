use std::fmt;

/// Which document an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Document {
    /// A `TokenReview` as an API server posts it.
    TokenReviewRequest,
    /// A `TokenReview` as a webhook answers it.
    TokenReviewResponse,
    /// The value of the environment variable `KUBERNETES_EXEC_INFO`.
    ExecInfo,
    /// An `ExecCredential` as a credential plugin prints it.
    ExecCredential,
}

impl Document {
    /// The `kind` that the document must have.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::TokenReviewRequest | Self::TokenReviewResponse => "TokenReview",
            Self::ExecInfo | Self::ExecCredential => "ExecCredential",
        }
    }

    /// The `apiVersion`s that the document may have, as a text for people.
    const fn api_versions(self) -> &'static str {
        match self {
            Self::TokenReviewRequest | Self::TokenReviewResponse => "authentication.k8s.io/v1 or v1beta1",
            Self::ExecInfo | Self::ExecCredential => "client.authentication.k8s.io/v1, v1beta1 or v1alpha1",
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TokenReviewRequest => "TokenReview request",
            Self::TokenReviewResponse => "TokenReview response",
            Self::ExecInfo => "KUBERNETES_EXEC_INFO",
            Self::ExecCredential => "ExecCredential",
        })
    }
}

/// Why a document is refused.
///
/// The fields are evidence that holds no input: positions, sizes, and names out of this crate's own tables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenReviewError {
    /// More bytes than [`MAX_DOCUMENT_BYTES`](crate::MAX_DOCUMENT_BYTES). The bytes were not looked at.
    #[error("{document} is {length} bytes long, over the limit of {limit}")]
    TooLarge {
        /// The document at fault.
        document: Document,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The bytes are not UTF-8 text.
    #[error("{document} is not UTF-8 text: byte {offset} does not fit")]
    NotUtf8 {
        /// The document at fault.
        document: Document,
        /// How many bytes before the fault are UTF-8.
        offset: usize,
    },
    /// Not JSON (RFC 8259), or cut short. Neither is a byte order mark, nor what no two programs read alike: escapes that
    /// are half a character, and numbers beyond double precision.
    #[error("{document} is not JSON: line {line} column {column}")]
    NotJson {
        /// The document at fault.
        document: Document,
        /// The line of the fault, from 1.
        line: usize,
        /// The column of the fault in bytes, from 1; 0 where the line has none.
        column: usize,
    },
    /// Something other than white space follows the JSON object.
    #[error("{document} goes on after its JSON object: line {line} column {column}")]
    TrailingData {
        /// The document at fault.
        document: Document,
        /// The line where it goes on, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
    },
    /// Objects and lists nested deeper than [`MAX_NESTING`](crate::MAX_NESTING).
    #[error("{document} is nested deeper than {limit} levels")]
    NestedTooDeeply {
        /// The document at fault.
        document: Document,
        /// The limit, in levels.
        limit: usize,
    },
    /// JSON, but not an object.
    #[error("{document} is not a JSON object")]
    NotAnObject {
        /// The document at fault.
        document: Document,
    },
    /// A member is absent or null.
    #[error("{document} has no {field}")]
    MissingField {
        /// The document at fault.
        document: Document,
        /// The path of the member.
        field: &'static str,
    },
    /// A member that is read occurs more than once. Readers differ in which of them they take.
    #[error("{document} has more than one {field}")]
    DuplicateField {
        /// The document at fault.
        document: Document,
        /// The path of the member.
        field: &'static str,
    },
    /// A member that is read is spelled in other letter case, which some readers take for it and others do not.
    #[error("{document} spells {field} in other letter case")]
    LetterCase {
        /// The document at fault.
        document: Document,
        /// The path of the member, rightly spelled.
        field: &'static str,
    },
    /// A member has a value of another type.
    #[error("{document} has a {field} that is not {expected}")]
    WrongType {
        /// The document at fault.
        document: Document,
        /// The path of the member.
        field: &'static str,
        /// The type it should have.
        expected: &'static str,
    },
    /// `kind` is another one.
    #[error("{document} has a kind other than {}", .document.kind())]
    UnsupportedKind {
        /// The document at fault.
        document: Document,
    },
    /// `apiVersion` is another one.
    #[error("{document} has an apiVersion other than {}", .document.api_versions())]
    UnsupportedVersion {
        /// The document at fault.
        document: Document,
    },
    /// `spec.audiences` has more entries than [`MAX_AUDIENCES`](crate::MAX_AUDIENCES).
    #[error("{document} names more than {limit} audiences")]
    TooManyAudiences {
        /// The document at fault.
        document: Document,
        /// The limit, in entries.
        limit: usize,
    },
    /// A bearer token of no bytes.
    #[error("the bearer token is empty")]
    EmptyToken,
    /// A time that is not RFC 3339, or not in the years 0 to 9999 that RFC 3339 can write.
    #[error("{document} has a {field} that is not an RFC 3339 time")]
    Timestamp {
        /// The document at fault.
        document: Document,
        /// The path of the member.
        field: &'static str,
    },
}

impl TokenReviewError {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "body_too_large",
            Self::NotUtf8 { .. } => "body_not_utf8",
            Self::NotJson { .. } => "body_not_json",
            Self::TrailingData { .. } => "body_trailing_data",
            Self::NestedTooDeeply { .. } => "body_nested_too_deeply",
            Self::NotAnObject { .. } => "body_not_an_object",
            Self::MissingField { .. } => "field_missing",
            Self::DuplicateField { .. } => "field_duplicate",
            Self::LetterCase { .. } => "field_letter_case",
            Self::WrongType { .. } => "field_wrong_type",
            Self::UnsupportedKind { .. } => "kind_unsupported",
            Self::UnsupportedVersion { .. } => "api_version_unsupported",
            Self::TooManyAudiences { .. } => "audiences_too_many",
            Self::EmptyToken => "token_empty",
            Self::Timestamp { .. } => "timestamp_malformed",
        }
    }

    /// The HTTP status with which a webhook refuses a request for this reason: 413 (Content Too Large) for
    /// [`TooLarge`](Self::TooLarge), 400 (Bad Request) for everything else.
    pub fn http_status(&self) -> u16 {
        match self {
            Self::TooLarge { .. } => 413,
            _ => 400,
        }
    }

    /// What the one who sees the error can do about it, as a sentence without full stop.
    pub fn remedy(&self) -> &'static str {
        match (self.document(), self) {
            (Some(Document::ExecInfo), Self::UnsupportedVersion { .. }) => {
                "set `apiVersion` under `users[].user.exec` of the kubeconfig to client.authentication.k8s.io/v1 or v1beta1"
            }
            (Some(Document::ExecInfo), _) => {
                "Kubernetes clients set this variable for their plugins; unset it when running the plugin by hand"
            }
            (Some(Document::ExecCredential), _) => {
                "run the plugin by hand and compare what it prints with the Kubernetes page on client authentication"
            }
            (Some(Document::TokenReviewRequest), Self::UnsupportedVersion { .. }) => {
                "start the API server with --authentication-token-webhook-version=v1 or v1beta1"
            }
            (Some(Document::TokenReviewResponse), Self::UnsupportedVersion { .. }) => {
                "a webhook answers in the apiVersion of the request"
            }
            (Some(Document::TokenReviewResponse), _) => {
                "check that the address is that of a webhook token authenticator"
            }
            (Some(Document::TokenReviewRequest) | None, _) => {
                "send one TokenReview object, as a Kubernetes API server writes it"
            }
        }
    }

    /// The document at fault; `None` for an empty token, which may come from anywhere.
    pub fn document(&self) -> Option<Document> {
        match self {
            Self::TooLarge { document, .. }
            | Self::NotUtf8 { document, .. }
            | Self::NotJson { document, .. }
            | Self::TrailingData { document, .. }
            | Self::NestedTooDeeply { document, .. }
            | Self::NotAnObject { document }
            | Self::MissingField { document, .. }
            | Self::DuplicateField { document, .. }
            | Self::LetterCase { document, .. }
            | Self::WrongType { document, .. }
            | Self::UnsupportedKind { document }
            | Self::UnsupportedVersion { document }
            | Self::TooManyAudiences { document, .. }
            | Self::Timestamp { document, .. } => Some(*document),
            Self::EmptyToken => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every variant with its code, its status and its words: all three are interfaces.
    #[test]
    fn codes_statuses_and_messages_are_stable() {
        use Document::{ExecCredential, ExecInfo, TokenReviewRequest, TokenReviewResponse};
        use TokenReviewError as E;
        let (document, field) = (TokenReviewRequest, "spec.token");
        let (line, column, offset, limit) = (1, 2, 3, 64);
        for (error, reason, status, message) in [
            (
                E::TooLarge { document, length: 9, limit: 8 },
                "body_too_large",
                413,
                "TokenReview request is 9 bytes long, over the limit of 8",
            ),
            (
                E::NotUtf8 { document, offset },
                "body_not_utf8",
                400,
                "TokenReview request is not UTF-8 text: byte 3 does not fit",
            ),
            (
                E::NotJson { document: ExecInfo, line, column },
                "body_not_json",
                400,
                "KUBERNETES_EXEC_INFO is not JSON: line 1 column 2",
            ),
            (
                E::TrailingData { document, line, column },
                "body_trailing_data",
                400,
                "TokenReview request goes on after its JSON object: line 1 column 2",
            ),
            (
                E::NestedTooDeeply { document, limit },
                "body_nested_too_deeply",
                400,
                "TokenReview request is nested deeper than 64 levels",
            ),
            (E::NotAnObject { document }, "body_not_an_object", 400, "TokenReview request is not a JSON object"),
            (
                E::MissingField { document: TokenReviewResponse, field: "status" },
                "field_missing",
                400,
                "TokenReview response has no status",
            ),
            (
                E::DuplicateField { document, field },
                "field_duplicate",
                400,
                "TokenReview request has more than one spec.token",
            ),
            (
                E::LetterCase { document, field },
                "field_letter_case",
                400,
                "TokenReview request spells spec.token in other letter case",
            ),
            (
                E::WrongType { document, field, expected: "a string" },
                "field_wrong_type",
                400,
                "TokenReview request has a spec.token that is not a string",
            ),
            (
                E::UnsupportedKind { document },
                "kind_unsupported",
                400,
                "TokenReview request has a kind other than TokenReview",
            ),
            (
                E::UnsupportedVersion { document },
                "api_version_unsupported",
                400,
                "TokenReview request has an apiVersion other than authentication.k8s.io/v1 or v1beta1",
            ),
            (
                E::TooManyAudiences { document, limit },
                "audiences_too_many",
                400,
                "TokenReview request names more than 64 audiences",
            ),
            (E::EmptyToken, "token_empty", 400, "the bearer token is empty"),
            (
                E::Timestamp { document: ExecCredential, field: "status.expirationTimestamp" },
                "timestamp_malformed",
                400,
                "ExecCredential has a status.expirationTimestamp that is not an RFC 3339 time",
            ),
        ] {
            assert_eq!((error.reason(), error.http_status()), (reason, status));
            assert_eq!(error.to_string(), message);
            assert!(!error.remedy().is_empty() && !error.remedy().ends_with('.'), "{}", error.remedy());
        }
    }
}
