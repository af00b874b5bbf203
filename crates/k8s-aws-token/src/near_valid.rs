//! Made-up tokens that are valid or nearly so, for those who fuzz or property-test what stands behind this gate: their
//! gateway, their cache, their HTTP stack. Feature `arbitrary`.
//!
//! Random bytes seldom get past the prefix. A [`NearValidToken`] is a valid token to which up to three
//! [mutations](Mutation) were done, so what is drawn lies on both sides of the gate's every rule.
//!
//! ```
//! use arbitrary::{Arbitrary, Unstructured};
//! use k8s_aws_token::{EndpointTable, Token, near_valid::NearValidToken};
//!
//! // What a fuzzer hands over; `fuzz_target!(|token: NearValidToken| …)` does this step by itself.
//! let mut bytes = Unstructured::new(&[7; 600]);
//! let drawn = NearValidToken::arbitrary(&mut bytes)?;
//! let judged = Token::decode(drawn.text(), &EndpointTable::standard());
//! if drawn.mutations().is_empty() {
//!     assert!(judged.is_ok());
//! }
//! # Ok::<(), arbitrary::Error>(())
//! ```

use crate::query::Parameter;
use crate::{CLUSTER_ID_HEADER, MAX_EXPIRES, TOKEN_PREFIX};
use arbitrary::{Arbitrary, Result, Unstructured};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use k8s_aws_identity::{AmzDate, EndpointKind, Partition, StsEndpoint};
use std::time::{Duration, SystemTime};

/// The last second of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;
const WORD: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz_";

/// A token text out of a fuzzer's bytes. It is nobody's: its signature is random.
#[derive(Clone, Debug)]
pub struct NearValidToken {
    text: Vec<u8>,
    url: Vec<u8>,
    mutations: Vec<Mutation>,
}

/// One way in which a [`NearValidToken`] differs from a valid one. It may do no harm: an escape's letter case is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mutation {
    /// Another scheme, host, port or path.
    Origin,
    /// A parameter under a name that resembles its own.
    Name,
    /// A parameter with a value that its rule has to tell from a good one.
    Value,
    /// A parameter that stands twice, or that no token has.
    Extra,
    /// A parameter that is not there.
    Missing,
    /// A byte of the URL that was changed, put in, or taken out.
    UrlByte,
    /// The prefix, the padding, or a byte of the text.
    Text,
}

const MUTATIONS: &[Mutation] = &[
    Mutation::Origin,
    Mutation::Name,
    Mutation::Value,
    Mutation::Extra,
    Mutation::Missing,
    Mutation::UrlByte,
    Mutation::Text,
];

impl NearValidToken {
    /// The token text. It need not be UTF-8.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The URL inside the text; where the text itself was mutated, the one before that.
    pub fn url(&self) -> &[u8] {
        &self.url
    }

    /// What was done to it. Nothing: the gate accepts it.
    pub fn mutations(&self) -> &[Mutation] {
        &self.mutations
    }
}

impl<'a> Arbitrary<'a> for NearValidToken {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut mutations = Vec::new();
        for _ in 0..u.int_in_range(0..=3)? {
            mutations.push(*u.choose(MUTATIONS)?);
        }
        // From the inside out: a later layer is made of the earlier ones.
        mutations.sort_unstable();
        let (mut origin, mut pairs) = valid(u)?;
        for mutation in &mutations {
            match mutation {
                Mutation::Origin => mutate_origin(u, &mut origin)?,
                Mutation::UrlByte | Mutation::Text => {}
                _ => mutate_pairs(u, *mutation, &mut pairs)?,
            }
        }
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut url = format!("{origin}?{}", pairs.join("&")).into_bytes();
        for _ in mutations.iter().filter(|m| **m == Mutation::UrlByte) {
            mutate_byte(u, &mut url)?;
        }
        let mut text = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(&url)).into_bytes();
        for _ in mutations.iter().filter(|m| **m == Mutation::Text) {
            match u.int_in_range(0..=3)? {
                0 => text.extend(u.choose(&["=", "==", "A", " ", "\n"])?.bytes()),
                1 => text = [*u.choose(&[&b" "[..], b"k8s-aws-v1.", b"Bearer ", b"K", b"\0"])?, &text].concat(),
                _ => mutate_byte(u, &mut text)?,
            }
        }
        Ok(Self { text, url, mutations })
    }
}

type Pairs = Vec<(String, String)>;

/// Everything before the `?` of a valid URL, and its pairs.
fn valid(u: &mut Unstructured<'_>) -> Result<(String, Pairs)> {
    let endpoint = endpoint(u)?;
    let second = Duration::from_secs(u.int_in_range(0..=LAST_SECOND)?);
    let date = AmzDate::from_time(SystemTime::UNIX_EPOCH + second).map_err(|_| arbitrary::Error::IncorrectFormat)?;
    let key_len = *u.choose(&[20, 16, 128])?;
    let key = characters(u, WORD, key_len)?;
    let scope = format!("{key}/{}/{}/sts/aws4_request", date.day(), endpoint.region());
    let mut pairs = Pairs::new();
    for parameter in Parameter::ALL {
        let value = match parameter {
            Parameter::Action => "GetCallerIdentity".to_owned(),
            Parameter::Version => "2011-06-15".to_owned(),
            Parameter::Algorithm => "AWS4-HMAC-SHA256".to_owned(),
            Parameter::Credential => escaped(u, &scope)?,
            Parameter::Date => date.to_string(),
            Parameter::Expires => u.int_in_range(0..=MAX_EXPIRES)?.to_string(),
            Parameter::SecurityToken => match u.int_in_range(0..=3)? {
                0 => continue,
                1 => String::new(),
                _ => {
                    let len = u.int_in_range(0..=400)?;
                    let visible: Vec<u8> = (b'!'..=b'~').collect();
                    let session_token = characters(u, &visible, len)?;
                    escaped(u, &session_token)?
                }
            },
            Parameter::SignedHeaders => escaped(u, &format!("host;{CLUSTER_ID_HEADER}"))?,
            Parameter::Signature => characters(u, b"0123456789abcdef", 64)?,
        };
        // Anywhere among those before it: the order is free.
        let at = u.int_in_range(0..=pairs.len())?;
        pairs.insert(at, (parameter.name().to_owned(), value));
    }
    Ok((format!("https://{}/", endpoint.host()), pairs))
}

fn endpoint(u: &mut Unstructured<'_>) -> Result<StsEndpoint> {
    let partition = *u.choose(&Partition::ALL)?;
    let region = u.choose_iter(partition.regions())?;
    let kind =
        *u.choose(&[EndpointKind::Regional, EndpointKind::Fips, EndpointKind::DualStack, EndpointKind::Global])?;
    // Only one partition has a global host.
    let endpoint = StsEndpoint::in_region(&region, kind);
    endpoint
        .or_else(|_| StsEndpoint::in_region(&region, EndpointKind::Regional))
        .map_err(|_| arbitrary::Error::IncorrectFormat)
}

fn characters(u: &mut Unstructured<'_>, alphabet: &[u8], len: usize) -> Result<String> {
    (0..len).map(|_| u.choose(alphabet).map(|byte| char::from(*byte))).collect()
}

/// As Signature Version 4 writes it, or with its escapes in lower case.
fn escaped(u: &mut Unstructured<'_>, value: &str) -> Result<String> {
    let lower = u.ratio(1, 4)?;
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ if lower => format!("%{byte:02x}"),
        _ => format!("%{byte:02X}"),
    };
    Ok(value.bytes().map(escape).collect())
}

fn mutate_origin(u: &mut Unstructured<'_>, origin: &mut String) -> Result<()> {
    let edits = [
        ("https", "http"),
        ("https", "HTTPS"),
        ("://", ":///"),
        ("://", ":\\\\"),
        ("://", "://user@"),
        ("://", "://evil.example\\@"),
        ("://", "://evil.example#@"),
        ("://sts", "://STS"),
        ("://sts", "://s3"),
        ("sts.", "sts%2e"),
        ("sts.", "sts.evil."),
        (".com", ".com."),
        (".com", ".com.cn"),
        (".com/", ".com:443/"),
        (".com/", ".com@evil.example/"),
        (".com/", ".com"),
        (".com/", ".com//"),
        (".com/", ".com/x"),
        (".com/", ".com/%2f"),
    ];
    if u.ratio(1, 5)? {
        *origin = format!("https://{}/", endpoint(u)?.host());
    } else {
        let (from, to) = *u.choose(&edits)?;
        *origin = origin.replacen(from, to, 1);
    }
    Ok(())
}

fn mutate_pairs(u: &mut Unstructured<'_>, mutation: Mutation, pairs: &mut Pairs) -> Result<()> {
    if pairs.is_empty() {
        return Ok(());
    }
    let at = u.choose_index(pairs.len())?;
    if mutation == Mutation::Missing {
        pairs.remove(at);
        return Ok(());
    }
    let (name, value) = pairs[at].clone();
    let resembling = |u: &mut Unstructured<'_>| {
        Ok(match u.int_in_range(0..=4)? {
            0 => name.to_ascii_lowercase(),
            1 => name.to_ascii_uppercase(),
            2 => name.replacen('A', "%41", 1),
            3 => name.replace('-', "_"),
            _ => format!("{name}%00"),
        })
    };
    match mutation {
        Mutation::Name => pairs[at].0 = resembling(u)?,
        Mutation::Extra => {
            let name = if u.arbitrary()? { name.clone() } else { resembling(u)? };
            let to = u.int_in_range(0..=pairs.len())?;
            pairs.insert(to, (name, value));
        }
        _ => {
            let values = [
                String::new(),
                format!("{value}%"),
                format!("{value}+"),
                format!("{value}%0A"),
                format!("{value}%00"),
                format!("0{value}"),
                format!("%61{value}"),
                value.to_ascii_lowercase(),
                value.to_ascii_uppercase(),
                value.replacen("%2F", "/", 1),
                value.replace("host%3B", ""),
                value.replace("%2Fsts%2F", "%2Fs3%2F"),
                "AssumeRole".to_owned(),
                "901".to_owned(),
                "20230229T000000Z".to_owned(),
                "%C3%A9".to_owned(),
            ];
            pairs[at].1 = u.choose(&values)?.clone();
        }
    }
    Ok(())
}

fn mutate_byte(u: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    let at = u.choose_index(bytes.len().max(1))?;
    let special = *u.choose(b"\0\t\n\r %+/\\#?&;=@:.\x7f\x80\xff")?;
    match u.int_in_range(0..=4)? {
        0 if at < bytes.len() => drop(bytes.remove(at)),
        1 => bytes.truncate(at),
        2 if at < bytes.len() => bytes[at] = u.arbitrary()?,
        3 if at < bytes.len() => bytes[at] = special,
        _ => bytes.insert(at.min(bytes.len()), special),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EndpointTable, Token};

    #[test]
    fn a_token_is_what_its_mutations_say() {
        let table = EndpointTable::standard();
        let mut state = 1_u64;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        let (mut untouched, mut only_text) = (0, 0);
        for _ in 0..2_000 {
            let bytes: Vec<u8> = (0..4_096).map(|_| byte()).collect();
            let drawn = NearValidToken::arbitrary(&mut Unstructured::new(&bytes)).unwrap();
            let written = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(drawn.url())).into_bytes();
            let of_text = drawn.mutations().iter().filter(|m| **m == Mutation::Text).count();
            assert!(of_text > 0 || drawn.text() == written, "{:?}", drawn.mutations());
            if of_text == drawn.mutations().len() {
                let url = std::str::from_utf8(drawn.url()).unwrap();
                assert!(Token::from_url(url, &table).is_ok(), "{:?}: {url}", drawn.mutations());
                untouched += usize::from(of_text == 0);
                only_text += usize::from(of_text > 0);
            }
        }
        assert!(untouched > 100 && only_text > 50, "{untouched} and {only_text} of 2,000");
    }
}
