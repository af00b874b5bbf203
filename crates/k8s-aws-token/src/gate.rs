//! The gate: which byte strings are the URL of a token.
//!
//! Written against the bytes, on purpose without a URL library: those repair what has to be refused here (backslashes,
//! tabs, full-width letters, a missing path), and two of them can read one text differently.

use crate::query::{Parameter, Query};
use crate::{CLUSTER_ID_HEADER, MAX_EXPIRES, Token, TokenError};
use k8s_aws_identity::{AccessKeyId, AmzDate, EndpointTable, StsEndpoint};
use zeroize::Zeroizing;

const SCHEME: &str = "https://";

/// Checks a URL and takes it apart.
pub(crate) fn check(url: Zeroizing<String>, table: &EndpointTable) -> Result<Token, TokenError> {
    let (endpoint, query_at) = check_endpoint(&url, table)?;
    let query = Query::parse(&url, query_at)?;
    let value = |parameter: Parameter| match query.find(parameter).and_then(|at| url.get(at)) {
        Some(value) => Ok(value),
        None => Err(TokenError::MissingParameter { name: parameter.name() }),
    };

    // Values without reserved characters have one way of being written, so they are compared as they stand.
    if value(Parameter::Action)? != "GetCallerIdentity" {
        return Err(TokenError::Action);
    }
    if value(Parameter::Version)? != "2011-06-15" {
        return Err(TokenError::Version);
    }
    if value(Parameter::Algorithm)? != "AWS4-HMAC-SHA256" {
        return Err(TokenError::Algorithm);
    }
    let date = AmzDate::parse(value(Parameter::Date)?).map_err(|_| TokenError::Date)?;
    let access_key_id = check_credential(Plain::of(value(Parameter::Credential)?).text(), &date, &endpoint)?;
    let expires = check_expires(value(Parameter::Expires)?)?;
    check_signed_headers(Plain::of(value(Parameter::SignedHeaders)?).text())?;
    let signature = value(Parameter::Signature)?;
    if signature.len() != 64 || !signature.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(TokenError::Signature);
    }
    Ok(Token { endpoint, access_key_id, date, expires, query, url })
}

/// Scheme, authority and path; gives the endpoint and where the query starts.
fn check_endpoint(url: &str, table: &EndpointTable) -> Result<(StsEndpoint, usize), TokenError> {
    // All of them first, without a branch a byte; where one is only matters once there is one.
    if !url.bytes().fold(true, |all, b| all & b.is_ascii_graphic()) {
        let position = url.bytes().position(|b| !b.is_ascii_graphic()).unwrap_or_default();
        return Err(TokenError::ForbiddenByte { position });
    }
    let rest = url.strip_prefix(SCHEME).ok_or(TokenError::Scheme)?;
    if rest.contains('#') {
        return Err(TokenError::Fragment);
    }
    let host_len = rest.find(['/', '?', '\\']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(host_len);
    if authority.contains('@') {
        return Err(TokenError::Userinfo);
    }
    if authority.contains(':') {
        return Err(TokenError::Port);
    }
    let endpoint = table.find(authority).ok_or(TokenError::UnknownHost)?;
    if !target.starts_with("/?") {
        return Err(TokenError::Path);
    }
    Ok((endpoint.clone(), SCHEME.len() + host_len + 2))
}

fn check_credential(credential: &str, date: &AmzDate, endpoint: &StsEndpoint) -> Result<AccessKeyId, TokenError> {
    let wrong = |problem| TokenError::Credential { problem };
    let mut parts = credential.split('/');
    let mut next = || parts.next().ok_or(wrong("it has five parts between slashes"));
    let (key, day, region, service, terminator) = (next()?, next()?, next()?, next()?, next()?);
    if parts.next().is_some() {
        return Err(wrong("it has five parts between slashes"));
    }
    let key = AccessKeyId::parse(key).map_err(|_| wrong("not an access key id"))?;
    if terminator != "aws4_request" {
        return Err(wrong("it ends in aws4_request"));
    }
    if service != "sts" {
        return Err(wrong("the service is not sts"));
    }
    if day != date.day() {
        return Err(wrong("its day is not that of X-Amz-Date"));
    }
    if region != endpoint.region().as_str() {
        return Err(TokenError::ScopeRegion { expected: endpoint.region().clone() });
    }
    Ok(key)
}

fn check_expires(text: &str) -> Result<u16, TokenError> {
    let one_way =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let seconds = text.parse().ok().filter(|s| one_way && *s <= MAX_EXPIRES);
    seconds.ok_or(TokenError::Expires)
}

fn check_signed_headers(names: &str) -> Result<(), TokenError> {
    match names.strip_prefix("host;") {
        Some(CLUSTER_ID_HEADER) => Ok(()),
        _ if names.split(';').any(|name| name == CLUSTER_ID_HEADER) => Err(TokenError::SignedHeaders),
        _ => Err(TokenError::ClusterUnsigned),
    }
}

/// The longest credential or list of headers that is looked at, in bytes: a key of 128, a region of 32, and what is
/// between them.
const MAX_PLAIN_LEN: usize = 200;

/// A short value without its escapes, on the stack. A longer one than any valid one is empty here, which no check passes.
struct Plain {
    bytes: [u8; MAX_PLAIN_LEN],
    len: usize,
}

impl Plain {
    /// Takes the escapes out of a value whose way of being written was checked.
    fn of(value: &str) -> Self {
        let mut plain = Self { bytes: [0; MAX_PLAIN_LEN], len: 0 };
        let mut rest = value.as_bytes();
        while let Some((&byte, tail)) = rest.split_first() {
            let escaped = value.get(value.len() - tail.len()..).and_then(|digits| digits.get(..2));
            let (byte, tail) = match (byte, escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
                (b'%', Some(byte)) => (byte, tail.get(2..).unwrap_or_default()),
                _ => (byte, tail),
            };
            match plain.bytes.get_mut(plain.len) {
                Some(slot) => *slot = byte,
                None => return Self { len: 0, ..plain },
            }
            plain.len += 1;
            rest = tail;
        }
        plain
    }

    fn text(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}
