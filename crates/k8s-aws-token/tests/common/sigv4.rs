//! Signature Version 4 as STS checks it, for the one call of a token: the server's side, written from AWS's description
//! ("Create a signed AWS API request", IAM user guide) and sharing nothing with the presigner.
//!
//! It reads a URL the way a server does: decodes every pair, sorts, and encodes again. So two URLs with one canonical
//! request mean the same to STS, and share their signature.

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};

const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const NO_PAYLOAD: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The decoded pairs of a query, in their order. A name or value may be any bytes.
pub(crate) fn pairs(url: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let query = url.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(n, v)| (decode(n), decode(v)))
        .collect()
}

/// The value of the first parameter of this name, decoded; empty where there is none.
pub(crate) fn value(url: &str, name: &str) -> String {
    let found = pairs(url).into_iter().find(|(n, _)| n == name.as_bytes());
    String::from_utf8_lossy(&found.map(|(_, v)| v).unwrap_or_default()).into_owned()
}

/// What is hashed and signed, for a `GET` of this URL with this cluster header.
pub(crate) fn canonical_request(url: &str, cluster: &str) -> String {
    let rest = url.strip_prefix("https://").unwrap_or(url);
    let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = target.split('?').next().unwrap_or_default();
    let encode = |bytes: &[u8]| percent_encode(bytes, ESCAPED).to_string();
    let mut query: Vec<_> = pairs(url)
        .into_iter()
        .filter(|(name, _)| name != b"X-Amz-Signature")
        .map(|(name, value)| (encode(&name), encode(&value)))
        .collect();
    query.sort();
    let query: Vec<_> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let signed = value(url, "X-Amz-SignedHeaders");
    let headers: String = signed
        .split(';')
        .map(|name| match name {
            "host" => format!("host:{host}\n"),
            "x-k8s-aws-id" => format!("x-k8s-aws-id:{cluster}\n"),
            absent => format!("{absent}:\n"),
        })
        .collect();
    format!("GET\n{path}\n{}\n{headers}\n{signed}\n{NO_PAYLOAD}", query.join("&"))
}

/// The signature that STS expects of whoever has this secret key.
pub(crate) fn signature(url: &str, cluster: &str, secret: &str) -> String {
    let credential = value(url, "X-Amz-Credential");
    let scope = credential.split_once('/').map(|(_, scope)| scope).unwrap_or_default();
    let date = value(url, "X-Amz-Date");
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical_request(url, cluster))));
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part));
    hex(&hmac(&key, &to_sign))
}

/// Whether STS would accept it, were it now the right time.
pub(crate) fn is_signed(url: &str, cluster: &str, secret: &str) -> bool {
    value(url, "X-Amz-Signature") == signature(url, cluster, secret)
}

fn hmac(key: &[u8], data: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
