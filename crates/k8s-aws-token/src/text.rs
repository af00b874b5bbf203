use crate::{MAX_TOKEN_LEN, MAX_URL_LEN, TOKEN_PREFIX, TokenError};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;
use zeroize::Zeroizing;

/// The text of a token: a bearer secret for up to 15 minutes.
///
/// Zeroized on drop; `Debug` prints a fixed text; there is no `Display` and no comparison.
#[derive(Clone)]
pub struct TokenText(Zeroizing<String>);

impl TokenText {
    /// The text itself, to be sent or written where the user asked for it. Never log it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Wraps a URL that went through the gate.
    pub(crate) fn of_url(url: &str) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(TOKEN_PREFIX.len() + (url.len() * 4).div_ceil(3)));
        text.push_str(TOKEN_PREFIX);
        URL_SAFE_NO_PAD.encode_string(url, &mut text);
        Self(text)
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenText(redacted)")
    }
}

/// The bytes of the URL in a token text.
///
/// The engine refuses padding, other alphabets, blanks and trailing bits that are not zero, so no two texts give the
/// same bytes.
pub(crate) fn unwrap(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, TokenError> {
    if text.len() > MAX_TOKEN_LEN {
        return Err(TokenError::TooLong { len: text.len(), limit: MAX_TOKEN_LEN });
    }
    let encoded = text.strip_prefix(TOKEN_PREFIX.as_bytes()).ok_or(TokenError::Prefix)?;
    // One allocation of the final size: a buffer that grew would leave copies behind that nothing zeroizes.
    let mut url = Zeroizing::new(vec![0; encoded.len() * 3 / 4]);
    let len = URL_SAFE_NO_PAD.decode_slice(encoded, &mut url).map_err(|_| TokenError::Base64)?;
    url.truncate(len);
    match url.len() {
        0 => Err(TokenError::Base64),
        len if len > MAX_URL_LEN => Err(TokenError::UrlTooLong { len, limit: MAX_URL_LEN }),
        _ => Ok(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_text_is_that_of_the_longest_url() {
        assert_eq!(MAX_TOKEN_LEN, 21_857);
        let longest = TokenText::of_url(&"x".repeat(MAX_URL_LEN));
        assert_eq!(longest.expose().len(), MAX_TOKEN_LEN);
        assert_eq!(unwrap(longest.expose().as_bytes()).unwrap().len(), MAX_URL_LEN);
    }

    #[test]
    fn only_the_one_text_of_some_bytes_is_unwrapped() {
        assert_eq!(*unwrap(b"k8s-aws-v1.eHl6eg").unwrap(), b"xyzz");
        for bad in [
            "k8s-aws-v1.",
            "k8s-aws-v1.e",
            "k8s-aws-v1.eHl6e",
            "k8s-aws-v1.eHl6eg==",
            "k8s-aws-v1.eHl6eg=",
            "k8s-aws-v1.eHl6eh",
            "k8s-aws-v1.eHl6ef",
            "k8s-aws-v1.eHl6/g",
            "k8s-aws-v1.eHl6+g",
            "k8s-aws-v1.eHl6 eg",
            "k8s-aws-v1.eHl6\neg",
            "k8s-aws-v1.eHl6eg\n",
            "k8s-aws-v1. eHl6eg",
        ] {
            assert_eq!(unwrap(bad.as_bytes()).unwrap_err(), TokenError::Base64, "{bad:?}");
        }
        for bad in ["", "eHl6eg", "K8s-aws-v1.eHl6eg", "k8s-aws-v2.eHl6eg", " k8s-aws-v1.eHl6eg", "k8s-aws-v1eHl6eg"] {
            assert_eq!(unwrap(bad.as_bytes()).unwrap_err(), TokenError::Prefix, "{bad:?}");
        }
    }
}
