//! The laws of the gate, on what the generator of nearly valid tokens draws.

use super::laws;
use arbitrary::{Arbitrary, Unstructured};
use k8s_aws_token::EndpointTable;
use k8s_aws_token::near_valid::NearValidToken;

/// What the fuzz target `token_url` does with its bytes: takes them for a URL, and for the draws that make a nearly valid
/// token.
pub(crate) fn url_or_near_valid(bytes: &[u8], table: &EndpointTable) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = laws::url(text, table);
    }
    if let Ok(drawn) = NearValidToken::arbitrary(&mut Unstructured::new(bytes)) {
        let judged = laws::text(drawn.text(), table);
        assert!(judged.is_ok() || !drawn.mutations().is_empty(), "a token that nothing was done to: {judged:?}");
        if let Ok(text) = std::str::from_utf8(drawn.url()) {
            let _ = laws::url(text, table);
        }
    }
}
