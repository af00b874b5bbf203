//! The canonical request of Signature Version 4, rebuilt from the wire.

use aws_lc_rs::digest;
use http::HeaderMap;

use crate::directory::hex;
use crate::sigv4::Received;

/// The canonical request; `None` if the query string has a broken escape.
pub(crate) fn request(request: &Received<'_>, signed_headers: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(request.query.len() + 512);
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(path(request.path).as_bytes());
    out.push(b'\n');
    out.extend_from_slice(query(request.query)?.as_bytes());
    out.push(b'\n');
    for name in signed_headers.split(';') {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        header(request.headers, name, request.host, &mut out);
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(hex(digest::digest(&digest::SHA256, request.body).as_ref()).as_bytes());
    Some(out)
}

/// The parameters of a query string, decoded, in their order. `None` for a broken escape.
pub(crate) fn parameters(query: &str) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let pieces = query.split('&').filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            Some((decode(name)?, decode(value)?))
        })
        .collect()
}

/// Sorted by encoded name, then encoded value; the signature itself is not signed.
fn query(raw: &str) -> Option<String> {
    let encoded = |(name, value): (Vec<u8>, Vec<u8>)| (encode(&name), encode(&value));
    let mut pairs: Vec<(String, String)> = parameters(raw)?.into_iter().map(encoded).collect();
    pairs.retain(|(name, _)| name != "X-Amz-Signature");
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    Some(pairs.join("&"))
}

/// Dot segments and empty segments removed, then escaped once more: every service but S3 wants it so.
fn path(raw: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let open = raw.ends_with('/') || raw.ends_with("/.") || raw.ends_with("/..");
    let mut out = String::from("/");
    out.push_str(&segments.iter().map(|s| encode(s.as_bytes())).collect::<Vec<_>>().join("/"));
    if open && out.len() > 1 {
        out.push('/');
    }
    out
}

/// The values of a header, joined with commas; blanks at the ends gone, runs of them inside folded to one space.
fn header(headers: &HeaderMap, name: &str, host: &str, out: &mut Vec<u8>) {
    if name == "host" {
        return fold(host.as_bytes(), out);
    }
    for (i, value) in headers.get_all(name).iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        fold(value.as_bytes(), out);
    }
}

fn fold(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty());
    for (i, word) in words.enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// Percent-decodes, with `+` for a space as in forms.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let value = digit()? * 16 + digit()?;
                out.push(u8::try_from(value).ok()?);
            }
            byte => out.push(byte),
        }
    }
    Some(out)
}

/// The `UriEncode` of Signature Version 4: everything but letters, digits and `-._~`, in upper-case hex.
fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 16);
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digit = |n: u8| char::from(b"0123456789ABCDEF"[usize::from(n)]);
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_encoded_and_sorted() {
        for (raw, want) in [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1", "a=1&a=2"),
            ("a", "a="),
            ("a=b=c", "a=b%3Dc"),
            ("a=x+y", "a=x%20y"),
            ("a=%2f%41", "a=%2FA"),
            ("&&a=1&", "a=1"),
            ("a=~-._!", "a=~-._%21"),
            ("X-Amz-Signature=00&z=1", "z=1"),
        ] {
            assert_eq!(query(raw).as_deref(), Some(want), "{raw}");
        }
        for bad in ["a=%", "a=%4", "a=%zz", "%=1"] {
            assert_eq!(query(bad), None, "{bad}");
        }
    }

    #[test]
    fn header_values_are_trimmed_and_folded() {
        let mut out = Vec::new();
        fold(b"  a  b \t \"c   d\" ", &mut out);
        assert_eq!(out, b"a b \"c d\"");
    }

    #[test]
    fn paths_are_normalised_and_escaped_twice() {
        for (raw, want) in [
            ("/", "/"),
            ("//", "/"),
            ("/./", "/"),
            ("/example/..", "/"),
            ("/example1/example2/../..", "/"),
            ("/./example", "/example"),
            ("//example//", "/example/"),
            ("/a%20b", "/a%2520b"),
        ] {
            assert_eq!(path(raw), want, "{raw}");
        }
    }
}
