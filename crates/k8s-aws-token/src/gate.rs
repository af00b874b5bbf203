//! The gate: which byte strings are the URL of a token.
//!
//! Written against the bytes, on purpose without a URL library: those repair what has to be refused here (backslashes,
//! tabs, full-width letters, a missing path), and two of them can read one text differently.

use crate::query::{Parameter, Query};
use crate::{CLUSTER_ID_HEADER, MAX_EXPIRES, TokenError};
use k8s_aws_identity::{AccessKeyId, AmzDate, EndpointTable, StsEndpoint};

const SCHEME: &[u8] = b"https://";

/// What a URL says that went through the gate.
pub(crate) struct Checked {
    pub(crate) endpoint: StsEndpoint,
    pub(crate) access_key_id: AccessKeyId,
    pub(crate) date: AmzDate,
    pub(crate) expires: u16,
    pub(crate) query: Query,
}

/// Checks a URL and takes it apart.
///
/// Each byte of an accepted one belongs to a text that was compared, or to a value of which every byte was checked. So none is a
/// byte that no URL has. Where one is, that is said first, whatever else is wrong.
pub(crate) fn check(url: &[u8], table: &EndpointTable) -> Result<Checked, TokenError> {
    check_parts(url, table).map_err(|error| {
        // All of them first, without a branch a byte; where one is only matters once there is one.
        let is_graphic = url.iter().fold(true, |all, b| all & b.is_ascii_graphic());
        match error {
            _ if !is_graphic => {
                let position = url.iter().position(|b| !b.is_ascii_graphic()).unwrap_or_default();
                TokenError::ForbiddenByte { position }
            }
            TokenError::Scheme => TokenError::Scheme,
            _ if url.contains(&b'#') => TokenError::Fragment,
            error => error,
        }
    })
}

fn check_parts(url: &[u8], table: &EndpointTable) -> Result<Checked, TokenError> {
    let (endpoint, query_at) = check_endpoint(url, table)?;
    let query = Query::parse(url, query_at)?;
    let value = |parameter: Parameter| match query.find(parameter).and_then(|at| url.get(at)) {
        Some(value) => Ok(value),
        None => Err(TokenError::MissingParameter { name: parameter.name() }),
    };

    // Values without reserved characters have one way of being written, so they are compared as they stand.
    if value(Parameter::Action)? != b"GetCallerIdentity" {
        return Err(TokenError::Action);
    }
    if value(Parameter::Version)? != b"2011-06-15" {
        return Err(TokenError::Version);
    }
    if value(Parameter::Algorithm)? != b"AWS4-HMAC-SHA256" {
        return Err(TokenError::Algorithm);
    }
    let date = AmzDate::parse(text(value(Parameter::Date)?)).map_err(|_| TokenError::Date)?;
    let access_key_id = check_credential(value(Parameter::Credential)?, &date, &endpoint)?;
    let expires = check_expires(value(Parameter::Expires)?)?;
    check_signed_headers(value(Parameter::SignedHeaders)?)?;
    let signature = value(Parameter::Signature)?;
    let is_hex = signature.iter().fold(true, |all, b| all & matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if signature.len() != 64 || !is_hex {
        return Err(TokenError::Signature);
    }
    Ok(Checked { endpoint, access_key_id, date, expires, query })
}

/// Scheme, authority and path; gives the endpoint and where the query starts.
fn check_endpoint(url: &[u8], table: &EndpointTable) -> Result<(StsEndpoint, usize), TokenError> {
    let rest = url.strip_prefix(SCHEME).ok_or(TokenError::Scheme)?;
    let host_len = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'\\')).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(host_len);
    let endpoint = table.find(text(authority)).ok_or_else(|| match authority {
        _ if authority.contains(&b'@') => TokenError::Userinfo,
        _ if authority.contains(&b':') => TokenError::Port,
        _ => TokenError::UnknownHost,
    })?;
    if !target.starts_with(b"/?") {
        return Err(TokenError::Path);
    }
    Ok((endpoint.clone(), SCHEME.len() + host_len + 2))
}

fn check_credential(credential: &[u8], date: &AmzDate, endpoint: &StsEndpoint) -> Result<AccessKeyId, TokenError> {
    let wrong = |problem| TokenError::Credential { problem };
    let mut parts = parts(credential, b"2F");
    let mut next = || parts.next().ok_or(wrong("it has five parts between slashes"));
    let (key, day, region, service, terminator) = (next()?, next()?, next()?, next()?, next()?);
    if parts.next().is_some() {
        return Err(wrong("it has five parts between slashes"));
    }
    let key = AccessKeyId::parse(text(key)).map_err(|_| wrong("not an access key id"))?;
    if terminator != b"aws4_request" {
        return Err(wrong("it ends in aws4_request"));
    }
    if service != b"sts" {
        return Err(wrong("the service is not sts"));
    }
    if day != date.day().as_bytes() {
        return Err(wrong("its day is not that of X-Amz-Date"));
    }
    if region != endpoint.region().as_str().as_bytes() {
        return Err(TokenError::ScopeRegion { expected: endpoint.region().clone() });
    }
    Ok(key)
}

fn check_expires(value: &[u8]) -> Result<u16, TokenError> {
    let one_way =
        !value.is_empty() && value.iter().all(u8::is_ascii_digit) && (value == b"0" || !value.starts_with(b"0"));
    let seconds = text(value).parse().ok().filter(|s| one_way && *s <= MAX_EXPIRES);
    seconds.ok_or(TokenError::Expires)
}

fn check_signed_headers(names: &[u8]) -> Result<(), TokenError> {
    let (names, cluster) = (|| parts(names, b"3B"), CLUSTER_ID_HEADER.as_bytes());
    match names().eq([b"host", cluster]) {
        true => Ok(()),
        false if names().any(|name| name == cluster) => Err(TokenError::SignedHeaders),
        false => Err(TokenError::ClusterUnsigned),
    }
}

/// What stands between the escapes of one character, given by its hexadecimal digits, which may be in either letter case.
///
/// Characters that need no escape have none in a value whose way of being written was checked. So a part without any is what it
/// means, and one with any is none of those that it is compared with.
fn parts<'a>(value: &'a [u8], digits: &'static [u8; 2]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let is_escape = |bytes: &[u8]| matches!(bytes, [b'%', code @ ..] if code.eq_ignore_ascii_case(digits));
        let at = value.windows(3).position(is_escape);
        rest = at.and_then(|at| value.get(at + 3..));
        at.map_or(Some(value), |at| value.get(..at))
    })
}

/// What is read as a text is ASCII, or equals nothing that it is compared with.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
