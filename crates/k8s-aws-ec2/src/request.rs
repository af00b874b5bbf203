//! The one request that is signed, in the stages of Signature Version 4: canonical request, string to sign, header.
//!
//! Source: "Create a signed AWS API request" in the IAM user guide.

use crate::{Ec2Endpoint, Ec2Error, InstanceId, MAX_RESULTS};
use aws_credential_types::Credentials;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use k8s_aws_identity::{AccessKeyId, AmzDate};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write};
use std::time::SystemTime;
use zeroize::Zeroizing;

/// The service name in the credential scope.
const EC2_SERVICE: &str = "ec2";

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// The longest session token: that of the longest `k8s-aws-token` URL. Real ones have up to some KiB.
const MAX_SESSION_TOKEN_LEN: usize = 16 * 1024;

/// All bytes but RFC 3986's unreserved ones are escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A `DescribeInstances` request, ready to be sent. Its headers hold the session token: `Debug` leaves them out.
pub struct Ec2Request {
    endpoint: Ec2Endpoint,
    date: AmzDate,
    authorization: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
    body: String,
}

impl Ec2Request {
    /// The endpoint that is asked, for limits and metrics per host.
    pub fn endpoint(&self) -> &Ec2Endpoint {
        &self.endpoint
    }

    /// The request as the `http` crate has it: `POST`, an absolute `https` URI, a form.
    ///
    /// **From here on the secrets are in somebody else's hands**: the signature and the session token are header values,
    /// marked as sensitive, which `Debug` of the `http` crate respects.
    pub fn into_http(self) -> http::Request<Vec<u8>> {
        let mut request = http::Request::new(Vec::new());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.uri();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        let secrets = [
            (HeaderName::from_static("x-amz-security-token"), self.session_token.as_ref()),
            (AUTHORIZATION, Some(&self.authorization)),
        ];
        // Visible ASCII by construction, so none of these is left out.
        if let Ok(date) = HeaderValue::from_str(self.date.as_str()) {
            headers.insert(HeaderName::from_static("x-amz-date"), date);
        }
        for (name, value) in secrets {
            if let Some(mut value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        *request.body_mut() = self.body.into_bytes();
        request
    }

    /// A host is valid by construction, so the fallback to an empty URI, which no client can send, is never taken.
    fn uri(&self) -> http::Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTPS);
        parts.authority = Authority::try_from(self.endpoint.host()).ok();
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
        http::Uri::from_parts(parts).unwrap_or_default()
    }
}

impl fmt::Debug for Ec2Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ec2Request").field("host", &self.endpoint.host()).finish_non_exhaustive()
    }
}

/// Signs the request for a page.
pub(crate) fn sign(
    ids: &[InstanceId],
    page_token: Option<&str>,
    credentials: &Credentials,
    endpoint: &Ec2Endpoint,
    now: SystemTime,
) -> Result<Ec2Request, Ec2Error> {
    let date = AmzDate::from_time(now).map_err(|_| Ec2Error::Clock)?;
    if let Some(expiry) = credentials.expiry().filter(|expiry| *expiry <= now) {
        return Err(Ec2Error::CredentialsExpired { ago: now.duration_since(expiry).unwrap_or_default() });
    }
    if credentials.secret_access_key().is_empty() {
        return Err(Ec2Error::NoSecretKey);
    }
    let access_key_id = AccessKeyId::parse(credentials.access_key_id()).map_err(|_| Ec2Error::AccessKeyId)?;
    // Where a profile has an empty line for the session token, it counts as none, as in the AWS SDKs.
    let session_token = credentials.session_token().filter(|token| !token.is_empty());
    let is_token = |token: &str| token.len() <= MAX_SESSION_TOKEN_LEN && token.bytes().all(|b| b.is_ascii_graphic());
    if !session_token.is_none_or(is_token) {
        return Err(Ec2Error::SessionToken);
    }

    let inputs =
        Inputs { access_key_id: &access_key_id, session_token, endpoint, date: &date, body: &form(ids, page_token) };
    let key = aws_sigv4::sign::v4::generate_signing_key(
        credentials.secret_access_key(),
        date.time(),
        endpoint.region().as_str(),
        EC2_SERVICE,
    );
    let signature = aws_sigv4::sign::v4::calculate_signature(key, inputs.string_to_sign().as_bytes());
    Ok(Ec2Request {
        endpoint: endpoint.clone(),
        date,
        authorization: inputs.authorization(&signature),
        session_token: session_token.map(|token| Zeroizing::new(token.to_owned())),
        body: inputs.body.to_owned(),
    })
}

/// The parameters in the order in which botocore writes them.
fn form(ids: &[InstanceId], page_token: Option<&str>) -> String {
    let mut form = String::with_capacity(128 + 48 * ids.len());
    form.push_str("Action=DescribeInstances&Version=2016-11-15&Filter.1.Name=instance-id");
    // Writing to a string does not fail.
    for (n, id) in (1..).zip(ids) {
        let _ = write!(form, "&Filter.1.Value.{n}={id}");
    }
    let _ = write!(form, "&MaxResults={MAX_RESULTS}");
    if let Some(token) = page_token {
        form.push_str("&NextToken=");
        form.extend(utf8_percent_encode(token, ESCAPED));
    }
    form
}

/// What a signature is made of, besides the secret key.
struct Inputs<'a> {
    access_key_id: &'a AccessKeyId,
    session_token: Option<&'a str>,
    endpoint: &'a Ec2Endpoint,
    date: &'a AmzDate,
    body: &'a str,
}

impl Inputs<'_> {
    /// Task 1: the canonical request.
    fn canonical_request(&self) -> Zeroizing<String> {
        let mut text = self.buffer();
        text.push_str("POST\n/\n\n");
        let headers = [
            Some(("content-type", FORM)),
            Some(("host", self.endpoint.host())),
            Some(("x-amz-date", self.date.as_str())),
            self.session_token.map(|token| ("x-amz-security-token", token)),
        ];
        for (name, value) in headers.into_iter().flatten() {
            for piece in [name, ":", value, "\n"] {
                text.push_str(piece);
            }
        }
        for piece in ["\n", self.signed_headers(), "\n"] {
            text.push_str(piece);
        }
        push_sha256(&mut text, self.body.as_bytes());
        text
    }

    /// Task 2: the string to sign.
    fn string_to_sign(&self) -> String {
        let mut text = format!("AWS4-HMAC-SHA256\n{}\n{}\n", self.date, self.scope());
        push_sha256(&mut text, self.canonical_request().as_bytes());
        text
    }

    /// Task 4: the `Authorization` header.
    fn authorization(&self, signature: &str) -> Zeroizing<String> {
        let mut text = self.buffer();
        let (scope, signed_headers) = (self.scope(), self.signed_headers());
        for piece in ["AWS4-HMAC-SHA256 Credential=", self.access_key_id.as_str(), "/", &scope] {
            text.push_str(piece);
        }
        for piece in [", SignedHeaders=", signed_headers, ", Signature=", signature] {
            text.push_str(piece);
        }
        text
    }

    fn signed_headers(&self) -> &'static str {
        match self.session_token {
            None => "content-type;host;x-amz-date",
            Some(_) => "content-type;host;x-amz-date;x-amz-security-token",
        }
    }

    /// `<day>/<region>/ec2/aws4_request`
    fn scope(&self) -> String {
        format!("{}/{}/{EC2_SERVICE}/aws4_request", self.date.day(), self.endpoint.region())
    }

    /// A buffer that is never outgrown: growing would leave a copy of the session token behind that nothing zeroizes.
    fn buffer(&self) -> Zeroizing<String> {
        let longest_token = self.session_token.map_or(0, str::len);
        let rest = self.endpoint.host().len() + self.access_key_id.as_str().len();
        Zeroizing::new(String::with_capacity(512 + longest_token + rest))
    }
}

/// Lower-case hexadecimal digits of a hash.
fn push_sha256(text: &mut String, bytes: &[u8]) {
    for byte in Sha256::digest(bytes) {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
}

#[cfg(test)]
mod tests;
