//! What must not be seen anywhere, and the search for it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use std::collections::HashSet;

/// So many bytes in a row of a secret are a find.
const PIECE: usize = 12;

/// Every piece of every secret, in every form in which it might come out: as it is, percent-encoded, base64.
#[derive(Default)]
pub(crate) struct Secrets {
    pieces: HashSet<[u8; PIECE]>,
}

impl Secrets {
    pub(crate) fn add(&mut self, secret: &[u8]) {
        let percent = |upper: bool| -> Vec<u8> {
            let byte = |b: &u8| match b.is_ascii_alphanumeric() || b"-._~".contains(b) {
                true => char::from(*b).to_string(),
                false if upper => format!("%{b:02X}"),
                false => format!("%{b:02x}"),
            };
            secret.iter().map(byte).collect::<String>().into_bytes()
        };
        let mut forms = vec![secret.to_vec(), percent(true), percent(false)];
        for engine in [STANDARD, URL_SAFE] {
            // The form in the middle of a longer text depends on where it begins.
            for ahead in 0..3 {
                let text = engine.encode([&[0; 2][..ahead], secret].concat());
                let whole = (ahead + secret.len()) * 8 / 6;
                forms.push(text.as_bytes().get((ahead * 8).div_ceil(6)..whole).unwrap_or_default().to_vec());
            }
        }
        for form in forms {
            self.pieces.extend(form.windows(PIECE).filter_map(|piece| <[u8; PIECE]>::try_from(piece).ok()));
        }
    }

    /// A token that was sent: its text, and the signature and session token in it.
    pub(crate) fn add_token(&mut self, token: &str) {
        let text = token.strip_prefix("k8s-aws-v1.").unwrap_or(token);
        self.add(text.as_bytes());
        let url = URL_SAFE_NO_PAD.decode(text).ok().and_then(|url| String::from_utf8(url).ok()).unwrap_or_default();
        for parameter in url.split(['?', '&']) {
            if let Some((_, value)) =
                parameter.split_once('=').filter(|(name, _)| ["X-Amz-Signature", "X-Amz-Security-Token"].contains(name))
            {
                self.add(value.as_bytes());
            }
        }
    }

    #[track_caller]
    pub(crate) fn assert_not_in(&self, text: &[u8], place: &str) {
        let shown = String::from_utf8_lossy(text);
        for mark in ["X-Amz-Signature=", "X-Amz-Credential=", "X-Amz-Security-Token=", "k8s-aws-v1."] {
            // The refusal of a token without its prefix names the prefix.
            let named = mark == "k8s-aws-v1." && shown.contains("does not start with `k8s-aws-v1.`");
            assert!(named || !shown.contains(mark), "{mark} in {place}: {shown}");
        }
        let found = text
            .windows(PIECE)
            .find(|piece| <[u8; PIECE]>::try_from(*piece).is_ok_and(|piece| self.pieces.contains(&piece)));
        assert!(found.is_none(), "the secret piece {:?} in {place}: {shown}", found.map(String::from_utf8_lossy));
    }
}

#[test]
fn a_secret_is_found_in_every_form() {
    let mut secrets = Secrets::default();
    secrets.add(b"wJalrXUtn/FEMI+K7MDENG=bPxRfi");
    let found = |text: &str| std::panic::catch_unwind(|| secrets.assert_not_in(text.as_bytes(), "a test")).is_err();
    assert!(!found("nothing of the kind is in this text, AKIAIOSFODNN7EXAMPLE"));
    assert!(found("msg=\"the key wJalrXUtn/FEMI+K7MDENG=bPxRfi is wrong\""));
    assert!(found("…MI+K7MDENG=b…"));
    assert!(found("wJalrXUtn%2FFEMI%2BK7MDENG%3DbPxRfi"));
    for before in ["", "a", "ab"] {
        let text = format!("{before}wJalrXUtn/FEMI+K7MDENG=bPxRfi and more");
        assert!(found(&STANDARD.encode(&text)) && found(&URL_SAFE_NO_PAD.encode(&text)), "{before:?}");
    }
    assert!(found("https://sts.amazonaws.com/?X-Amz-Signature=00"));
}
