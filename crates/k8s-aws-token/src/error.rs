/// Why a text is not a token.
///
/// No variant holds anything of the text. [`TokenError::reason`] is stable; the messages are not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The text is longer than [`MAX_TOKEN_LEN`](crate::MAX_TOKEN_LEN). It was not decoded.
    #[error("the token is {len} bytes long; at most {limit} are allowed")]
    TooLong {
        /// The length of the text, in bytes.
        len: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The URL is longer than [`MAX_URL_LEN`](crate::MAX_URL_LEN).
    #[error("the URL is {len} bytes long; STS takes at most {limit}")]
    UrlTooLong {
        /// The length of the URL, in bytes.
        len: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The text does not start with [`TOKEN_PREFIX`](crate::TOKEN_PREFIX).
    #[error("the token does not start with `k8s-aws-v1.`; it may be meant for another authenticator")]
    Prefix,
    /// What follows the prefix is not the one base64url text (RFC 4648, section 5, no padding) of some bytes.
    #[error("the token is not unpadded base64url, or was cut off or altered on its way")]
    Base64,
    /// The URL has a byte outside printable ASCII, or a space.
    #[error("the URL has a byte at {position} that no URL has")]
    ForbiddenByte {
        /// Where, counted in bytes from 0.
        position: usize,
    },
    /// Not `https://`, in lower case.
    #[error("the URL does not start with `https://`")]
    Scheme,
    /// The authority has a user or password.
    #[error("the URL has user information before its host")]
    Userinfo,
    /// The authority has a port, or is an IPv6 address.
    #[error("the URL has a port or a colon in its host")]
    Port,
    /// The host is not in the endpoint table.
    #[error("the host is not a known STS endpoint; a region newer than this build has to be configured")]
    UnknownHost,
    /// The path is not exactly `/`.
    #[error("the path is not `/`")]
    Path,
    /// The URL has a fragment.
    #[error("the URL has a fragment")]
    Fragment,
    /// The query is not written as Signature Version 4 writes it.
    #[error("the query is not in SigV4's form: {problem}")]
    QuerySyntax {
        /// What is wrong, as a fixed text.
        problem: &'static str,
    },
    /// A parameter that a presigned `GetCallerIdentity` does not have. Names are compared byte for byte.
    #[error("the query has a parameter that no token has")]
    UnknownParameter,
    /// A parameter that stands twice.
    #[error("the query has {name} twice")]
    DuplicateParameter {
        /// Which.
        name: &'static str,
    },
    /// A parameter that is not there.
    #[error("the query lacks {name}")]
    MissingParameter {
        /// Which.
        name: &'static str,
    },
    /// The action is not `GetCallerIdentity`.
    #[error("the action is not GetCallerIdentity")]
    Action,
    /// The API version is not `2011-06-15`.
    #[error("the API version is not 2011-06-15")]
    Version,
    /// The algorithm is not `AWS4-HMAC-SHA256`.
    #[error("the signature algorithm is not AWS4-HMAC-SHA256")]
    Algorithm,
    /// `X-Amz-Credential` is not `<access key>/<date>/<region>/sts/aws4_request`.
    #[error("the credential scope is wrong: {problem}")]
    Credential {
        /// What is wrong, as a fixed text.
        problem: &'static str,
    },
    /// The scope's region is not the one that the host belongs to.
    #[error("the credential scope is of another region than the host, which is signed for {expected}")]
    ScopeRegion {
        /// The region of the host.
        expected: k8s_aws_identity::Region,
    },
    /// `X-Amz-Date` is not a date in SigV4's format.
    #[error("X-Amz-Date is not a real time written YYYYMMDDTHHMMSSZ")]
    Date,
    /// `X-Amz-Expires` is not a whole number from 0 to [`MAX_EXPIRES`](crate::MAX_EXPIRES), in its one way of writing.
    #[error("X-Amz-Expires is not a number of seconds from 0 to 900")]
    Expires,
    /// The cluster header was not signed, so the token is bound to no cluster.
    #[error("the header x-k8s-aws-id is not signed, so the token is bound to no cluster")]
    ClusterUnsigned,
    /// The signed headers are not exactly `host;x-k8s-aws-id`, the headers that a verifier sends.
    #[error("the signed headers are not exactly host;x-k8s-aws-id")]
    SignedHeaders,
    /// `X-Amz-Security-Token` has a control character, a space, or a byte beyond ASCII.
    #[error("X-Amz-Security-Token has a byte that no session token has")]
    SecurityToken,
    /// `X-Amz-Signature` is not 64 lower-case hexadecimal digits.
    #[error("X-Amz-Signature is not 64 lower-case hexadecimal digits")]
    Signature,
}

impl TokenError {
    /// A stable code for logs, metrics and programs.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "token_too_long",
            Self::UrlTooLong { .. } => "token_url_too_long",
            Self::Prefix => "token_prefix",
            Self::Base64 => "token_base64",
            Self::ForbiddenByte { .. } => "token_forbidden_byte",
            Self::Scheme => "token_scheme",
            Self::Userinfo => "token_userinfo",
            Self::Port => "token_port",
            Self::UnknownHost => "token_host_unknown",
            Self::Path => "token_path",
            Self::Fragment => "token_fragment",
            Self::QuerySyntax { .. } => "token_query_syntax",
            Self::UnknownParameter => "token_parameter_unknown",
            Self::DuplicateParameter { .. } => "token_parameter_duplicate",
            Self::MissingParameter { .. } => "token_parameter_missing",
            Self::Action => "token_action",
            Self::Version => "token_version",
            Self::Algorithm => "token_algorithm",
            Self::Credential { .. } => "token_credential",
            Self::ScopeRegion { .. } => "token_scope_region",
            Self::Date => "token_date",
            Self::Expires => "token_expires",
            Self::ClusterUnsigned => "token_cluster_unsigned",
            Self::SignedHeaders => "token_signed_headers",
            Self::SecurityToken => "token_security_token",
            Self::Signature => "token_signature",
        }
    }
}
