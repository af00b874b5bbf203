use crate::{MAX_TOKEN_LEN, TOKEN_PREFIX, TokenError};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::{fmt, ops::Deref};
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
    pub(crate) fn of_url(url: &[u8]) -> Self {
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

/// A URL that may be a token's: a bearer secret, zeroized on drop. It has its final size from the start, for a buffer that grew
/// would leave copies behind that nothing zeroizes.
pub(crate) struct SecretUrl(Box<[u8]>);

impl SecretUrl {
    pub(crate) fn new(url: &str) -> Self {
        Self(url.as_bytes().into())
    }

    /// What `Zeroizing` does, but many bytes at a time: its one volatile write a byte would be a tenth of what a token costs.
    fn zeroize(&mut self) {
        self.0.fill(0);
        zeroize::optimization_barrier(&*self.0);
    }
}

impl Deref for SecretUrl {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretUrl {
    fn drop(&mut self) {
        self.zeroize();
    }
}

/// The URL in a token text. A text that is not too long has one that is not.
pub(crate) fn unwrap(text: &[u8]) -> Result<SecretUrl, TokenError> {
    if text.len() > MAX_TOKEN_LEN {
        return Err(TokenError::TooLong { len: text.len(), limit: MAX_TOKEN_LEN });
    }
    let encoded = text.strip_prefix(TOKEN_PREFIX.as_bytes()).ok_or(TokenError::Prefix)?;
    let mut url = SecretUrl(vec![0; encoded.len() * 3 / 4].into());
    match !url.is_empty() && decode(encoded, &mut url.0) {
        true => Ok(url),
        false => Err(TokenError::Base64),
    }
}

/// This many characters are decoded at a time, to this many bytes.
const CHARACTERS: usize = 16;
const BYTES: usize = 12;

/// Stands in [`PLACES`] for a byte that is no character of base64url. No three bytes have this bit.
const NONE: u32 = 1 << 31;

/// What a character means in each of the four places that make three bytes: its six bits where they belong, the first byte lowest.
static PLACES: [[u32; 256]; 4] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut places = [[NONE; 256]; 4];
    let mut value = 0;
    while value < alphabet.len() {
        let mut place = 0;
        while place < places.len() {
            places[place][alphabet[value] as usize] = ((value as u32) << (26 - 6 * place)).swap_bytes();
            place += 1;
        }
        value += 1;
    }
    places
};

/// Decodes unpadded base64url (RFC 4648, section 5) into a buffer of three quarters of its length; tells whether it is that.
///
/// Refuses padding, other alphabets, blanks and trailing bits that are not zero, so no two texts give the same bytes.
fn decode(text: &[u8], bytes: &mut [u8]) -> bool {
    let (groups, rest) = text.as_chunks();
    let (decoded, last) = bytes.as_chunks_mut();
    let mut seen = 0;
    for (group, decoded) in groups.iter().zip(decoded) {
        *decoded = decode_group(group, &mut seen);
    }
    // `A` is six zero bits: what is filled up with it has its own bytes, and then zeros unless there are trailing bits.
    let mut group = [b'A'; CHARACTERS];
    group.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let decoded = decode_group(&group, &mut seen);
    let (whole, trailing) = decoded.split_at(last.len());
    last.copy_from_slice(whole);
    seen & NONE == 0 && text.len() % 4 != 1 && trailing.iter().all(|byte| *byte == 0)
}

/// `seen` has [`NONE`] in it afterwards if one of the characters is none of base64url.
fn decode_group(group: &[u8; CHARACTERS], seen: &mut u32) -> [u8; BYTES] {
    let [first, second, third, fourth] = &PLACES;
    let at = |character: &u8| usize::from(*character);
    let mut bits = 0;
    for [a, b, c, d] in group.as_chunks().0.iter().rev() {
        let three_bytes = first[at(a)] | second[at(b)] | third[at(c)] | fourth[at(d)];
        *seen |= three_bytes;
        bits = bits << 24 | u128::from(three_bytes);
    }
    let [bytes @ .., _, _, _, _] = bits.to_le_bytes();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_URL_LEN;
    use proptest::prelude::*;

    #[test]
    fn the_longest_text_is_that_of_the_longest_url() {
        assert_eq!(MAX_TOKEN_LEN, 21_857);
        let longest = TokenText::of_url(&[b'x'; MAX_URL_LEN]);
        assert_eq!(longest.expose().len(), MAX_TOKEN_LEN);
        assert_eq!(unwrap(longest.expose().as_bytes()).unwrap().len(), MAX_URL_LEN);
    }

    /// Whether `decode` says of a text what the `base64` crate says.
    fn is_decoded_as_by_base64(text: &[u8]) -> bool {
        let mut bytes = vec![0; text.len() * 3 / 4];
        let decoded = decode(text, &mut bytes).then_some(bytes);
        decoded == URL_SAFE_NO_PAD.decode(text).ok()
    }

    #[test]
    fn any_byte_anywhere_is_decoded_as_by_base64() {
        let text = b"aHR0cHM6Ly9zdHMuYW1hem9uYXdzLmNvbS8_QWN0aW9u-_09AZ";
        for len in 0..=text.len() {
            for (at, byte) in (0..len).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
                let mut text = text[..len].to_vec();
                text[at] = byte;
                assert!(is_decoded_as_by_base64(&text), "{byte} at {at} of {len}");
            }
        }
    }

    #[test]
    fn any_two_characters_at_the_end_are_decoded_as_by_base64() {
        for pair in 0..=u16::MAX {
            let [a, b] = pair.to_le_bytes();
            for text in [&[a, b][..], &[b'x', a, b], &[b'x', b'y', a, b]] {
                assert!(is_decoded_as_by_base64(text), "{text:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn texts_are_decoded_as_by_base64(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            cut in 0_usize..5,
            at in any::<proptest::sample::Index>(),
            byte in proptest::option::of(any::<u8>()),
        ) {
            let mut text = URL_SAFE_NO_PAD.encode(&bytes).into_bytes();
            prop_assert!(is_decoded_as_by_base64(&text));
            text.truncate(text.len().saturating_sub(cut));
            if let (Some(byte), false) = (byte, text.is_empty()) {
                let at = at.index(text.len());
                text[at] = byte;
            }
            prop_assert!(is_decoded_as_by_base64(&text));
        }

        #[test]
        fn other_bytes_are_refused_as_by_base64(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(is_decoded_as_by_base64(&text));
        }
    }

    #[test]
    fn a_url_is_zeroized() {
        let mut url = SecretUrl::new("https://sts.amazonaws.com/");
        url.zeroize();
        assert_eq!(*url, [0; 26]);
    }

    #[test]
    fn only_the_one_text_of_some_bytes_is_unwrapped() {
        assert_eq!(*unwrap(b"k8s-aws-v1.eHl6eg").unwrap(), *b"xyzz");
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
            assert_eq!(unwrap(bad.as_bytes()).err(), Some(TokenError::Base64), "{bad:?}");
        }
        for bad in ["", "eHl6eg", "K8s-aws-v1.eHl6eg", "k8s-aws-v2.eHl6eg", " k8s-aws-v1.eHl6eg", "k8s-aws-v1eHl6eg"] {
            assert_eq!(unwrap(bad.as_bytes()).err(), Some(TokenError::Prefix), "{bad:?}");
        }
    }
}
