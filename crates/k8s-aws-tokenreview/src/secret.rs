use std::fmt;

use zeroize::Zeroize as _;

use crate::TokenReviewError;

/// A bearer token: text of at least one byte that only [`expose`](Self::expose) shows.
///
/// `Debug` prints a fixed text, the memory is zeroized on drop, and two tokens cannot be compared. Every clone is
/// zeroized by itself. That the text means something is for others to check.
#[derive(Clone)]
pub struct BearerToken(String);

impl BearerToken {
    /// Takes a token into safe keeping.
    ///
    /// A `String` is moved in, not copied; its spare capacity is zeroized too. Of a `&str` the caller keeps a copy.
    ///
    /// # Errors
    ///
    /// [`TokenReviewError::EmptyToken`] for an empty text.
    pub fn new(token: impl Into<String>) -> Result<Self, TokenReviewError> {
        let token = token.into();
        if token.is_empty() { Err(TokenReviewError::EmptyToken) } else { Ok(Self(token)) }
    }

    /// The token itself. What is done with it from here on is the caller's responsibility.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}

impl Drop for BearerToken {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_a_fixed_text() {
        let token = BearerToken::new("k8s-aws-v1.c2VjcmV0").unwrap();
        assert_eq!(format!("{token:?}"), "BearerToken(..)");
        assert_eq!(format!("{:#?}", Some(token)), "Some(\n    BearerToken(..),\n)");
    }

    #[test]
    fn an_empty_token_cannot_be_made() {
        assert_eq!(BearerToken::new("").map(|_| ()), Err(TokenReviewError::EmptyToken));
        assert_eq!(BearerToken::new(" ").unwrap().expose(), " ");
    }
}
