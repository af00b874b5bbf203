use crate::query::{Parameter, Query};
use crate::{MAX_URL_LEN, TOKEN_LIFETIME, TokenError, TokenText, gate, text};
use k8s_aws_identity::{AccessKeyId, AmzDate, EndpointTable, StsEndpoint};
use std::{fmt, time::SystemTime};
use zeroize::Zeroizing;

/// A token that went through the gate.
///
/// Holds the URL, which is a bearer secret: it is zeroized on drop and left out of `Debug`.
pub struct Token {
    pub(crate) endpoint: StsEndpoint,
    pub(crate) access_key_id: AccessKeyId,
    pub(crate) date: AmzDate,
    pub(crate) expires: u16,
    pub(crate) query: Query,
    pub(crate) url: Zeroizing<String>,
}

impl Token {
    /// Reads a token text, as it comes in a `TokenReview` or behind `Authorization: Bearer `.
    ///
    /// # Errors
    /// One [`TokenError`] per rule of the gate; the text may be any bytes at all.
    pub fn decode(text: impl AsRef<[u8]>, table: &EndpointTable) -> Result<Self, TokenError> {
        let mut bytes = text::unwrap(text.as_ref())?;
        match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(url) => gate::check(Zeroizing::new(url), table),
            Err(error) => {
                let position = error.utf8_error().valid_up_to();
                let rejected = Zeroizing::new(error.into_bytes());
                // The first byte that no URL has may stand before the first that is no UTF-8.
                let position = rejected.iter().position(|b| !b.is_ascii_graphic()).unwrap_or(position);
                Err(TokenError::ForbiddenByte { position })
            }
        }
    }

    /// Checks a presigned URL as [`Token::decode`] checks the one inside a text.
    ///
    /// # Errors
    /// One [`TokenError`] per rule of the gate.
    pub fn from_url(url: &str, table: &EndpointTable) -> Result<Self, TokenError> {
        match url.len() {
            len if len > MAX_URL_LEN => Err(TokenError::UrlTooLong { len, limit: MAX_URL_LEN }),
            _ => gate::check(Zeroizing::new(url.to_owned()), table),
        }
    }

    /// The text of this token; the one that it was decoded from, if it was.
    pub fn to_text(&self) -> TokenText {
        TokenText::of_url(&self.url)
    }

    /// The STS endpoint that the token was signed for.
    pub fn endpoint(&self) -> &StsEndpoint {
        &self.endpoint
    }

    /// The access key that signed the token; not verified.
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// When the token was signed, by its own account (`X-Amz-Date`).
    pub fn signed_at(&self) -> SystemTime {
        self.date.time()
    }

    /// When STS stops accepting the token: [`TOKEN_LIFETIME`] after [`Token::signed_at`].
    pub fn expires_at(&self) -> SystemTime {
        self.date.time() + TOKEN_LIFETIME
    }

    /// `X-Amz-Expires` in seconds, 0 to [`MAX_EXPIRES`](crate::MAX_EXPIRES). STS ignores it for this call.
    pub fn amz_expires(&self) -> u16 {
        self.expires
    }

    /// Appends the path and query of the request to send to STS, composed from fixed text and the validated values.
    ///
    /// To Signature Version 4 it means exactly what the client signed. What is appended is a bearer secret: the caller
    /// sees to it that `out` is zeroized. [`Token::path_and_query_len`] says how much room it takes.
    pub fn write_path_and_query(&self, out: &mut String) {
        let mut separator = "/?";
        for parameter in Parameter::ALL {
            let Some(value) = self.query.find(parameter).and_then(|at| self.url.get(at)) else {
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
        self.url.len() - "https://".len() - self.endpoint.host().len()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("host", &self.endpoint.host())
            .field("access_key_id", &self.access_key_id.as_str())
            .field("date", &self.date.as_str())
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Appends a value in SigV4's canonical form. The gate let through only values that lack nothing but upper-case hex.
fn push_canonical(out: &mut String, value: &str) {
    let mut pieces = value.split('%');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        out.push('%');
        out.extend(digits.chars().map(|c| c.to_ascii_uppercase()));
        out.push_str(rest);
    }
}
