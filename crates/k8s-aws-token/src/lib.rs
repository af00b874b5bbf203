//! The `k8s-aws-v1.` bearer token: a strict, pure codec.
//!
//! A token is `k8s-aws-v1.` and the base64url text of a presigned STS `GetCallerIdentity` URL. [`Token::decode`] reads
//! one from untrusted bytes and applies every check that needs no clock; what comes out is rebuilt from its validated
//! parts, never forwarded ([`Token::write_path_and_query`]).
//!
//! # Guarantees
//!
//! * **One text per URL.** `Token::decode(text)?.to_text()` is `text` again, byte for byte.
//! * **The host is one of the table's**, compared by equality. Nothing a client sends can name another.
//! * **The query is a byte grammar**, not a URL library's reading: every parameter once, every value written exactly as
//!   Signature Version 4 writes it (only the hex digits of an escape may be in either case).
//! * **Bounded.** [`MAX_TOKEN_LEN`] bytes of text, one allocation of the decoded length, no recursion, no panic.
//! * **No secret is shown.** Errors carry no input bytes; `Debug` of [`Token`] and [`TokenText`] leaves the text out; both
//!   are zeroized on drop.
//!
//! # Not in scope
//!
//! Whether the token is fresh, of the right partition, or good at all: that is `k8s-aws-sts`. Minting is
//! `k8s-aws-presign`. A cluster id is **not in the token**: the token only says that the header `x-k8s-aws-id` was signed.
//!
//! ```
//! use k8s_aws_token::{EndpointTable, Token};
//!
//! let table = EndpointTable::standard();
//! let url = "https://sts.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15\
//!     &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20200107%2Fus-east-1%2Fsts%2Faws4_request\
//!     &X-Amz-Date=20200107T080923Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-k8s-aws-id\
//!     &X-Amz-Signature=5620996acc3da79b78b445c95d1326e466f552e3347d7f92a14e037092b37f06";
//! let text = Token::from_url(url, &table)?.to_text();
//! let token = Token::decode(text.expose(), &table)?;
//! assert_eq!(token.access_key_id().as_str(), "AKIAIOSFODNN7EXAMPLE");
//! assert_eq!(token.endpoint().host(), "sts.amazonaws.com");
//!
//! let refused = Token::decode("k8s-aws-v1.aHR0cHM6Ly9ldmlsLmV4YW1wbGUv", &table).unwrap_err();
//! assert_eq!(refused.reason(), "token_host_unknown");
//! # Ok::<(), k8s_aws_token::TokenError>(())
//! ```
//!
//! # Errors
//!
//! [`TokenError`]: one variant for each rule of the gate, with evidence (a length, a position, the name of a parameter) and none of the
//! input's bytes. Its `reason()` is a stable code such as `token_host_unknown`.

mod error;
mod gate;
#[cfg(feature = "arbitrary")]
pub mod near_valid;
mod query;
mod text;
mod token;

pub use error::TokenError;
pub use k8s_aws_identity::EndpointTable;
pub use text::TokenText;
pub use token::Token;

use std::time::Duration;

/// What every token text starts with.
pub const TOKEN_PREFIX: &str = "k8s-aws-v1.";

/// The header that binds a token to a cluster. It is signed, and sent to STS by the verifier; it is not in the token.
pub const CLUSTER_ID_HEADER: &str = "x-k8s-aws-id";

/// The longest URL in a token, in bytes: STS refuses longer requests.
///
/// The Go program stops at 4 KiB of token text, which turns away real tokens with long session tokens.
pub const MAX_URL_LEN: usize = 16 * 1024;

/// The longest token text, in bytes: [`TOKEN_PREFIX`] and the unpadded base64url text of [`MAX_URL_LEN`] bytes.
pub const MAX_TOKEN_LEN: usize = TOKEN_PREFIX.len() + (MAX_URL_LEN * 4).div_ceil(3);

/// How long after `X-Amz-Date` STS accepts a presigned `GetCallerIdentity`, whatever `X-Amz-Expires` says.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The largest `X-Amz-Expires` of a token, in seconds; 0 is the smallest.
pub const MAX_EXPIRES: u16 = 900;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sts_takes_a_token_for_a_quarter_of_an_hour() {
        assert_eq!(TOKEN_LIFETIME.as_secs(), 900);
    }

    #[test]
    fn a_byte_that_no_url_has_is_named_by_its_position() {
        let refused = Token::from_url("https://sts.amazonaws.com/?Action=Get Caller", &EndpointTable::standard());
        assert_eq!(refused.err(), Some(TokenError::ForbiddenByte { position: 37 }));
    }
}
