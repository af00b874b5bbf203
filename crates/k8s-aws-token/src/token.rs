use crate::gate::{self, Checked};
use crate::query::{Parameter, unreserved_len};
use crate::text::{self, SecretUrl};
use crate::{MAX_URL_LEN, TOKEN_LIFETIME, TokenError, TokenText};
use k8s_aws_identity::{AccessKeyId, EndpointTable, StsEndpoint};
use std::{fmt, time::SystemTime};

/// A token that went through the gate.
///
/// Holds the URL, which is a bearer secret: it is zeroized on drop and left out of `Debug`.
pub struct Token {
    checked: Checked,
    /// Printable ASCII.
    url: SecretUrl,
}

impl Token {
    /// Reads a token text, as it comes in a `TokenReview` or behind `Authorization: Bearer `.
    ///
    /// # Errors
    /// One [`TokenError`] per rule of the gate; the text may be any bytes at all.
    pub fn decode(text: impl AsRef<[u8]>, table: &EndpointTable) -> Result<Self, TokenError> {
        let url = text::unwrap(text.as_ref())?;
        Ok(Self { checked: gate::check(&url, table)?, url })
    }

    /// Checks a presigned URL as [`Token::decode`] checks the one inside a text.
    ///
    /// # Errors
    /// One [`TokenError`] per rule of the gate.
    pub fn from_url(url: &str, table: &EndpointTable) -> Result<Self, TokenError> {
        match url.len() {
            len if len > MAX_URL_LEN => Err(TokenError::UrlTooLong { len, limit: MAX_URL_LEN }),
            _ => Ok(Self { checked: gate::check(url.as_bytes(), table)?, url: SecretUrl::new(url) }),
        }
    }

    /// The text of this token; the one that it was decoded from, if it was.
    pub fn to_text(&self) -> TokenText {
        TokenText::of_url(&self.url)
    }

    /// The STS endpoint that the token was signed for.
    pub fn endpoint(&self) -> &StsEndpoint {
        &self.checked.endpoint
    }

    /// The access key that signed the token; not verified.
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.checked.access_key_id
    }

    /// When the token was signed, by its own account (`X-Amz-Date`).
    pub fn signed_at(&self) -> SystemTime {
        self.checked.date.time()
    }

    /// When STS stops accepting the token: [`TOKEN_LIFETIME`] after [`Token::signed_at`].
    pub fn expires_at(&self) -> SystemTime {
        self.checked.date.time() + TOKEN_LIFETIME
    }

    /// `X-Amz-Expires` in seconds, 0 to [`MAX_EXPIRES`](crate::MAX_EXPIRES). STS ignores it for this call.
    pub fn amz_expires(&self) -> u16 {
        self.checked.expires
    }

    /// Appends the path and query of the request to send to STS, composed from fixed text and the validated values.
    ///
    /// To Signature Version 4 it means exactly what the client signed. What is appended is a bearer secret: the caller
    /// sees to it that `out` is zeroized. [`Token::path_and_query_len`] says how much room it takes.
    pub fn write_path_and_query(&self, out: &mut String) {
        let mut separator = "/?";
        for parameter in Parameter::ALL {
            let Some(value) = self.checked.query.find(parameter).and_then(|at| self.url.get(at)) else {
                continue;
            };
            out.push_str(separator);
            out.push_str(parameter.name());
            out.push('=');
            push_canonical(out, value);
            separator = "&";
        }
    }

    /// How many bytes [`Token::write_path_and_query`] appends.
    pub fn path_and_query_len(&self) -> usize {
        self.url.len() - "https://".len() - self.checked.endpoint.host().len()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("host", &self.checked.endpoint.host())
            .field("access_key_id", &self.checked.access_key_id.as_str())
            .field("date", &self.checked.date.as_str())
            .field("expires", &self.checked.expires)
            .finish_non_exhaustive()
    }
}

/// Appends a value in SigV4's canonical form. The gate let through only values that lack nothing but upper-case hex.
fn push_canonical(out: &mut String, value: &[u8]) {
    let mut at = out.len();
    out.push_str(std::str::from_utf8(value).unwrap_or_default());
    loop {
        // What ends a run of unreserved bytes is an escape, or the value.
        at += unreserved_len(out.as_bytes().get(at..).unwrap_or_default());
        match out.get_mut(at..at + 3) {
            Some(escape) => escape.make_ascii_uppercase(),
            None => return,
        }
        at += 3;
    }
}
