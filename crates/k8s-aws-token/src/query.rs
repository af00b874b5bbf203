//! The query of a token's URL: each parameter once, each value as Signature Version 4 writes it.

use crate::TokenError;
use std::ops::Range;

/// The parameters of a presigned `GetCallerIdentity`, in the order in which they are written out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    Action,
    Version,
    Algorithm,
    Credential,
    Date,
    Expires,
    SecurityToken,
    SignedHeaders,
    Signature,
}

impl Parameter {
    pub(crate) const ALL: [Self; 9] = [
        Self::Action,
        Self::Version,
        Self::Algorithm,
        Self::Credential,
        Self::Date,
        Self::Expires,
        Self::SecurityToken,
        Self::SignedHeaders,
        Self::Signature,
    ];

    fn of_name(name: &[u8]) -> Option<Self> {
        match name {
            b"Action" => Some(Self::Action),
            b"Version" => Some(Self::Version),
            b"X-Amz-Algorithm" => Some(Self::Algorithm),
            b"X-Amz-Credential" => Some(Self::Credential),
            b"X-Amz-Date" => Some(Self::Date),
            b"X-Amz-Expires" => Some(Self::Expires),
            b"X-Amz-Security-Token" => Some(Self::SecurityToken),
            b"X-Amz-SignedHeaders" => Some(Self::SignedHeaders),
            b"X-Amz-Signature" => Some(Self::Signature),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Action => "Action",
            Self::Version => "Version",
            Self::Algorithm => "X-Amz-Algorithm",
            Self::Credential => "X-Amz-Credential",
            Self::Date => "X-Amz-Date",
            Self::Expires => "X-Amz-Expires",
            Self::SecurityToken => "X-Amz-Security-Token",
            Self::SignedHeaders => "X-Amz-SignedHeaders",
            Self::Signature => "X-Amz-Signature",
        }
    }
}

/// Where each parameter's value stands in the URL.
#[derive(Clone, Default)]
pub(crate) struct Query([Option<Range<usize>>; 9]);

impl Query {
    /// Reads the query that starts at byte `start` of `url` and ends with it, in one pass.
    pub(crate) fn parse(url: &[u8], start: usize) -> Result<Self, TokenError> {
        let mut query = Self::default();
        let mut at = start;
        loop {
            let pair = url.get(at..).unwrap_or_default();
            let (name, rest) = pair.split_at(unreserved_len(pair));
            let (Some(parameter), [b'=', value @ ..]) = (Parameter::of_name(name), rest) else {
                return Err(no_parameter(pair));
            };
            let value_at = url.len() - value.len();
            let value_end = value_at + check_value(value, parameter)?;
            let slot = query.0.get_mut(parameter as usize).ok_or(TokenError::UnknownParameter)?;
            if slot.replace(value_at..value_end).is_some() {
                return Err(TokenError::DuplicateParameter { name: parameter.name() });
            }
            if value_end == url.len() {
                return Ok(query);
            }
            at = value_end + 1;
        }
    }

    /// Where the value of `parameter` stands, still percent-encoded.
    pub(crate) fn find(&self, parameter: Parameter) -> Option<Range<usize>> {
        self.0.get(parameter as usize)?.clone()
    }
}

fn syntax(problem: &'static str) -> TokenError {
    TokenError::QuerySyntax { problem }
}

/// This many bytes are looked at together: values are long runs of unreserved ones, and so they cost one branch a block.
const BLOCK: usize = 8;

/// For each place in a block, for each byte: the bit of the place if SigV4 writes the byte as `%XY`, and none if it writes it bare,
/// which are the bytes that RFC 3986 calls unreserved.
static RESERVED: [[u8; 256]; BLOCK] = {
    let mut places = [[0; 256]; BLOCK];
    let mut byte = 0;
    while byte < 256 {
        let is_bare = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'.' | b'_' | b'~');
        let mut place = 0;
        while place < BLOCK && !is_bare {
            places[place][byte] = 1 << place;
            place += 1;
        }
        byte += 1;
    }
    places
};

fn is_unreserved(byte: u8) -> bool {
    RESERVED[0][usize::from(byte)] == 0
}

/// How many unreserved bytes `text` starts with.
pub(crate) fn unreserved_len(text: &[u8]) -> usize {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        let reserved = block.iter().zip(&RESERVED).fold(0, |bits, (byte, place)| bits + place[usize::from(*byte)]);
        if reserved != 0 {
            return number * BLOCK + reserved.trailing_zeros() as usize;
        }
    }
    text.len() - rest.len() + rest.iter().take_while(|byte| is_unreserved(**byte)).count()
}

/// Why what starts with this pair does not start with a parameter and its value.
fn no_parameter(pair: &[u8]) -> TokenError {
    let name_len = pair.iter().position(|byte| matches!(byte, b'=' | b'&')).unwrap_or(pair.len());
    let (name, rest) = pair.split_at(name_len);
    match rest.first() {
        Some(b'=') if name.is_empty() => syntax("a parameter without a name"),
        Some(b'=') if name.contains(&b'%') => syntax("an escape in a parameter's name"),
        Some(b'=') => TokenError::UnknownParameter,
        _ if name.is_empty() => syntax("an empty pair"),
        _ => syntax("a parameter without `=`"),
    }
}

/// How long the value at the start of `text` is; it ends at `&` or with the text.
///
/// Checks how it is written. Session tokens are opaque, so what their escapes mean is checked here too: visible ASCII, for
/// nothing in one may end a line or a header in any program behind this one. Every other value has a check of its own.
fn check_value(text: &[u8], parameter: Parameter) -> Result<usize, TokenError> {
    let mut rest = text;
    loop {
        let stop = rest.get(unreserved_len(rest)..).unwrap_or_default();
        rest = match stop {
            [] | [b'&', ..] => return Ok(text.len() - stop.len()),
            [b'%', high, low, tail @ ..] => {
                let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
                    return Err(syntax("an escape that is not hexadecimal"));
                };
                match high * 16 + low {
                    byte if is_unreserved(byte) => {
                        return Err(syntax("an escape of a character that is written bare"));
                    }
                    byte if byte.is_ascii_graphic() || parameter != Parameter::SecurityToken => tail,
                    _ => return Err(TokenError::SecurityToken),
                }
            }
            [b'%', ..] => return Err(syntax("an escape that is cut off")),
            _ => return Err(syntax("a bare character that is written as an escape")),
        };
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
