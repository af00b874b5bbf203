//! Signature Version 4 as the service checks it: everything is rebuilt from what arrived.
//!
//! Source: "Signature Version 4 for API requests" in the IAM user guide. Signatures come in the query string
//! (presigned URLs) or in the `Authorization` header. `X-Amz-Expires` is not looked at: STS judges by `X-Amz-Date` alone.

use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::{digest, hmac};
use http::HeaderMap;

use crate::canonical;
use crate::date;
use crate::directory::{Directory, Entry, hex};
use crate::endpoint::Endpoint;
use crate::reply::Refusal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// How far `X-Amz-Date` may be from the service's clock, either way.
const WINDOW_SECONDS: i64 = 15 * 60;

/// A request as it came over the wire.
pub(crate) struct Received<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// The `Host` header or `:authority`.
    pub(crate) host: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// What a request says of its signature.
#[derive(Debug)]
struct Claim {
    /// The five parts of the credential scope: access key, date, region, service, terminator.
    scope: [String; 5],
    date: String,
    signed_headers: String,
    signature: String,
    session_token: Option<String>,
}

/// Checks the signature of a request to `endpoint`; gives the credential that it was made with.
pub(crate) fn verify(
    request: &Received<'_>,
    endpoint: &Endpoint<'_>,
    directory: &Directory,
    now: SystemTime,
) -> Result<Arc<Entry>, Refusal> {
    let claim = Claim::of(request)?;
    claim.check_scope(endpoint)?;
    claim.check_date(date::seconds(now))?;
    claim.check_signed_headers(request)?;
    let [key_id, day, region, service, _] = &claim.scope;
    let invalid = || Refusal::new(403, "InvalidClientTokenId", "The security token included in the request is invalid");
    let entry = directory.get(key_id).ok_or_else(invalid)?;
    // aws eks get-token once wrote an empty X-Amz-Security-Token for long-term keys: it counts as none.
    let token = claim.session_token.as_deref().filter(|t| !t.is_empty());
    if entry.identity.partition() != endpoint.partition || entry.credential.session_token() != token {
        return Err(invalid());
    }
    if entry.is_expired(now) {
        return Err(Refusal::new(403, "ExpiredToken", "The security token included in the request is expired"));
    }
    let text = claim.string_to_sign(request)?;
    let signature = hmac::sign(&entry.signing_key(day, region, service), text.as_bytes());
    if hex(signature.as_ref()) != claim.signature {
        return Err(mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ));
    }
    Ok(entry)
}

impl Claim {
    fn of(request: &Received<'_>) -> Result<Self, Refusal> {
        let query = canonical::parameters(request.query).ok_or_else(malformed_query)?;
        let in_query = query.iter().any(|(name, _)| name.to_ascii_lowercase().starts_with(b"x-amz-"));
        match (in_query, request.headers.get(http::header::AUTHORIZATION)) {
            (true, Some(_)) => {
                Err(incomplete("A request is signed in its query string or in its header, not in both."))
            }
            (true, None) => Self::of_query(&query, request.headers),
            (false, Some(header)) => Self::of_header(header.to_str().map_err(|_| incomplete("Not text."))?, request),
            (false, None) => {
                Err(Refusal::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"))
            }
        }
    }

    fn of_query(query: &[(Vec<u8>, Vec<u8>)], headers: &HeaderMap) -> Result<Self, Refusal> {
        let get = |wanted: &str| -> Result<Option<String>, Refusal> {
            let mut values = query.iter().filter(|(name, _)| name == wanted.as_bytes()).map(|(_, value)| value);
            match (values.next(), values.next()) {
                (None, _) => Ok(None),
                (Some(value), None) => String::from_utf8(value.clone()).map(Some).map_err(|_| malformed_query()),
                (Some(_), Some(_)) => Err(malformed_query()),
            }
        };
        let need = |wanted: &str| {
            get(wanted)?.filter(|v| !v.is_empty()).ok_or_else(|| {
                incomplete(format!(
                    "AWS query-string parameters must include '{wanted}'. Re-examine the query-string parameters."
                ))
            })
        };
        let algorithm = need("X-Amz-Algorithm")?;
        if algorithm != ALGORITHM {
            return Err(unsupported(&algorithm));
        }
        Ok(Self {
            scope: scope(&need("X-Amz-Credential")?)?,
            signature: need("X-Amz-Signature")?,
            signed_headers: need("X-Amz-SignedHeaders")?,
            date: need("X-Amz-Date")?,
            session_token: match get("X-Amz-Security-Token")? {
                Some(token) => Some(token),
                None => one_header(headers, "x-amz-security-token")?,
            },
        })
    }

    fn of_header(header: &str, request: &Received<'_>) -> Result<Self, Refusal> {
        let (algorithm, fields) = header.split_once(' ').unwrap_or((header, ""));
        if algorithm != ALGORITHM {
            return Err(unsupported(algorithm));
        }
        let need = |wanted: &str| {
            let mut values = fields.split(',').filter_map(|f| f.trim().strip_prefix(wanted)?.strip_prefix('='));
            match (values.next(), values.next()) {
                (Some(value), None) if !value.is_empty() => Ok(value.to_owned()),
                _ => Err(incomplete(format!("Authorization header requires '{wanted}' parameter."))),
            }
        };
        let date = match one_header(request.headers, "x-amz-date")? {
            Some(date) => Some(date),
            None => one_header(request.headers, "date")?,
        };
        Ok(Self {
            scope: scope(&need("Credential")?)?,
            signed_headers: need("SignedHeaders")?,
            signature: need("Signature")?,
            date: date.ok_or_else(|| {
                incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
            })?,
            session_token: one_header(request.headers, "x-amz-security-token")?,
        })
    }

    fn check_scope(&self, endpoint: &Endpoint<'_>) -> Result<(), Refusal> {
        let [_, day, region, service, terminator] = &self.scope;
        if terminator != TERMINATOR {
            let text = "Credential should be scoped with a valid terminator: 'aws4_request', not";
            return Err(mismatch(format!("{text} '{terminator}'.")));
        }
        if service != endpoint.service {
            return Err(mismatch(format!("Credential should be scoped to correct service: '{}'. ", endpoint.service)));
        }
        if region != endpoint.region {
            return Err(mismatch(format!("Credential should be scoped to a valid region, not '{region}'. ")));
        }
        if date::parse(&self.date).is_none() {
            return Err(incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
                self.date
            )));
        }
        if !self.date.starts_with(day.as_str()) || day.len() != 8 {
            return Err(mismatch(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{day}' != \
                 '{}', from '{}'.",
                self.date.get(..8).unwrap_or_default(),
                self.date
            )));
        }
        Ok(())
    }

    fn check_date(&self, now: i64) -> Result<(), Refusal> {
        let signed = date::parse(&self.date).unwrap_or_default();
        let (at, clock) = (&self.date, date::format(now));
        if signed < now - WINDOW_SECONDS {
            let limit = date::format(now - WINDOW_SECONDS);
            return Err(mismatch(format!("Signature expired: {at} is now earlier than {limit} ({clock} - 15 min.)")));
        }
        if signed > now + WINDOW_SECONDS {
            let limit = date::format(now + WINDOW_SECONDS);
            return Err(mismatch(format!(
                "Signature not yet current: {at} is still later than {limit} ({clock} + 15 min.)"
            )));
        }
        Ok(())
    }

    /// `host` and every `x-amz-*` header that was sent must be signed, and every signed header must have been sent.
    fn check_signed_headers(&self, request: &Received<'_>) -> Result<(), Refusal> {
        let signed: Vec<&str> = self.signed_headers.split(';').collect();
        if !signed.contains(&"host") {
            return Err(mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."));
        }
        let unsigned =
            |name: &&http::HeaderName| name.as_str().starts_with("x-amz-") && !signed.contains(&name.as_str());
        if let Some(name) = request.headers.keys().find(unsigned) {
            return Err(mismatch(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
        let missing = |name: &&&str| **name != "host" && !request.headers.contains_key(**name);
        let upper = |name: &&str| name.bytes().any(|b| b.is_ascii_uppercase());
        if signed.iter().any(upper) || signed.iter().find(missing).is_some() {
            return Err(mismatch("A header that the signature covers was not sent."));
        }
        Ok(())
    }

    fn string_to_sign(&self, request: &Received<'_>) -> Result<String, Refusal> {
        let text = canonical::request(request, &self.signed_headers).ok_or_else(malformed_query)?;
        let [_, day, region, service, _] = &self.scope;
        let hash = hex(digest::digest(&digest::SHA256, &text).as_ref());
        Ok(format!("{ALGORITHM}\n{}\n{day}/{region}/{service}/{TERMINATOR}\n{hash}", self.date))
    }
}

fn scope(credential: &str) -> Result<[String; 5], Refusal> {
    let parts: Vec<String> = credential.split('/').map(str::to_owned).collect();
    parts.try_into().map_err(|_| {
        incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
        ))
    })
}

fn one_header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            value.to_str().map(|v| Some(v.to_owned())).map_err(|_| incomplete(format!("'{name}' is not text.")))
        }
        (Some(_), Some(_)) => Err(incomplete(format!("'{name}' was sent twice."))),
    }
}

fn incomplete(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "IncompleteSignature", message)
}

fn unsupported(algorithm: &str) -> Refusal {
    incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'."))
}

fn mismatch(message: impl Into<String>) -> Refusal {
    Refusal::new(403, "SignatureDoesNotMatch", message)
}

/// `MalformedQueryString` of the common errors; also for parameters that are there twice, which AWS leaves undefined.
pub(crate) fn malformed_query() -> Refusal {
    Refusal::new(404, "MalformedQueryString", "The query string contains a syntax error.")
}

#[cfg(test)]
mod tests;
