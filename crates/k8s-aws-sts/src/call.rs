use crate::{CallerIdentity, ClusterId, Partition, StsEndpoint, VerifyError, answer};
use http::header::{ACCEPT, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use k8s_aws_token::{CLUSTER_ID_HEADER, Token};
use sha2::{Digest, Sha256};
use std::{fmt, ops::Deref, time::SystemTime};
use zeroize::Zeroizing;

/// One question to STS, about one token for one cluster.
///
/// It is answered once, by [`Call::finish`] or [`Call::resume`].
#[derive(Debug)]
pub struct Call {
    token: Token,
    request: StsRequest,
    key: TokenKey,
}

impl Call {
    pub(crate) fn new(token: Token, cluster: ClusterId) -> Self {
        let mut path_and_query = Zeroizing::new(String::with_capacity(token.path_and_query_len()));
        token.write_path_and_query(&mut path_and_query);
        let request = StsRequest { endpoint: token.endpoint().clone(), path_and_query, cluster };
        let key = TokenKey::of(&request);
        Self { token, request, key }
    }

    /// The request to send. Asking again gives the same request, for a retry.
    pub fn request(&self) -> StsRequest {
        self.request.clone()
    }

    /// What identities and calls in flight may be shared under.
    pub fn key(&self) -> &TokenKey {
        &self.key
    }

    /// The validated token.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The cluster that is asked for.
    pub fn cluster(&self) -> &ClusterId {
        &self.request.cluster
    }

    /// Reads STS's answer.
    ///
    /// # Errors
    /// A [`VerifyError`] of class `Rejected`, `Throttled`, `Unavailable` or `Malformed`.
    pub fn finish<B: AsRef<[u8]>>(self, answer: &http::Response<B>) -> Result<VerifiedCaller, VerifyError> {
        let identity = answer::read(answer, self.token.access_key_id())?;
        if identity.partition() != self.key.partition {
            return Err(VerifyError::AnswerOfOtherPartition);
        }
        Ok(VerifiedCaller {
            identity,
            endpoint: self.token.endpoint().clone(),
            token_expires_at: self.token.expires_at(),
            key: self.key,
        })
    }

    /// Takes over the answer that STS gave to another call for the same token and cluster: out of a cache, or from
    /// the one call that was in flight already.
    ///
    /// # Errors
    /// [`VerifyError::OtherCall`] where `verified` is about another token or cluster, which is a fault in the program.
    pub fn resume(self, verified: VerifiedCaller) -> Result<VerifiedCaller, VerifyError> {
        if verified.key == self.key { Ok(verified) } else { Err(VerifyError::OtherCall) }
    }
}

/// A `GetCallerIdentity` request, ready to be sent. Its URL is a bearer secret: `Debug` leaves it out.
#[derive(Clone)]
pub struct StsRequest {
    endpoint: StsEndpoint,
    path_and_query: Zeroizing<String>,
    cluster: ClusterId,
}

impl StsRequest {
    /// The endpoint that is asked, for limits and metrics per host.
    pub fn endpoint(&self) -> &StsEndpoint {
        &self.endpoint
    }

    /// The request as the `http` crate has it: `GET`, an absolute `https` URI, no body.
    ///
    /// **From here on the secret is in somebody else's hands**: `http::Request` and `http::Uri` print their whole URI
    /// in `Debug`, and HTTP stacks may log it at their most verbose levels.
    pub fn into_http(self) -> http::Request<()> {
        let mut request = http::Request::new(());
        *request.uri_mut() = self.uri();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Ok(cluster) = HeaderValue::from_str(self.cluster.as_str()) {
            headers.insert(HeaderName::from_static(CLUSTER_ID_HEADER), cluster);
        }
        request
    }

    /// The parts are valid by construction (a host out of the table, unreserved characters and escapes, at most 16 KiB),
    /// so the fallback to an empty URI, which no client can send, is never taken.
    fn uri(&self) -> http::Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTPS);
        parts.authority = Authority::try_from(self.endpoint.host()).ok();
        parts.path_and_query = PathAndQuery::try_from(self.path_and_query.as_str()).ok();
        http::Uri::from_parts(parts).unwrap_or_default()
    }
}

impl fmt::Debug for StsRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StsRequest")
            .field("host", &self.endpoint.host())
            .field("cluster", &self.cluster.as_str())
            .finish_non_exhaustive()
    }
}

/// What an answer of STS is about: partition, cluster, and the SHA-256 of the request. No secret; a key for maps.
///
/// One signed request has very many token texts (its parameters may come in any order, its escapes in either letter case), and
/// whoever holds one text can write the others. All of them have one key, so that they share one question to STS.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokenKey {
    partition: Partition,
    cluster: ClusterId,
    request_sha256: [u8; 32],
}

impl TokenKey {
    fn of(request: &StsRequest) -> Self {
        let mut hash = Sha256::new();
        // The path begins with a slash, which no host has: no two requests are the same bytes here.
        hash.update(request.endpoint.host());
        hash.update(request.path_and_query.as_bytes());
        Self {
            partition: request.endpoint.partition(),
            cluster: request.cluster.clone(),
            request_sha256: hash.finalize().into(),
        }
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({}, {})", self.partition, self.cluster)
    }
}

/// A caller whose token STS accepted, for one cluster. Derefs to [`CallerIdentity`].
///
/// There is no way to make one but by [`Call::finish`].
#[derive(Clone, Debug)]
pub struct VerifiedCaller {
    identity: CallerIdentity,
    endpoint: StsEndpoint,
    token_expires_at: SystemTime,
    key: TokenKey,
}

impl VerifiedCaller {
    /// The identity itself.
    pub fn identity(&self) -> &CallerIdentity {
        &self.identity
    }

    /// The cluster that the token was made for.
    pub fn cluster(&self) -> &ClusterId {
        &self.key.cluster
    }

    /// The endpoint that vouched for the caller.
    pub fn endpoint(&self) -> &StsEndpoint {
        &self.endpoint
    }

    /// When the token ends. No cache may keep this value longer.
    pub fn token_expires_at(&self) -> SystemTime {
        self.token_expires_at
    }

    /// The key of the call that this answers.
    pub fn key(&self) -> &TokenKey {
        &self.key
    }
}

impl Deref for VerifiedCaller {
    type Target = CallerIdentity;
    fn deref(&self) -> &CallerIdentity {
        &self.identity
    }
}
