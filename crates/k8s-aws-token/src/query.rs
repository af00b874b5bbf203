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
    pub(crate) fn parse(url: &str, start: usize) -> Result<Self, TokenError> {
        let mut query = Self::default();
        let mut at = start;
        loop {
            let pair = url.get(at..).unwrap_or_default();
            let name_len = pair.find(['=', '&']).unwrap_or(pair.len());
            let (name, rest) = pair.split_at(name_len);
            let parameter = parameter(name, rest.starts_with('='))?;
            let value_at = at + name_len + 1;
            let value_end = value_at + check_value(url.as_bytes().get(value_at..).unwrap_or_default(), parameter)?;
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

/// RFC 3986 unreserved: the bytes that SigV4 writes bare. Every other byte is written `%XY`.
static UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

fn is_unreserved(byte: u8) -> bool {
    UNRESERVED[usize::from(byte)]
}

/// The parameter of this name, if it is one and has a value.
fn parameter(name: &str, has_value: bool) -> Result<Parameter, TokenError> {
    match Parameter::ALL.into_iter().find(|parameter| parameter.name() == name) {
        _ if !has_value && name.is_empty() => Err(syntax("an empty pair")),
        _ if !has_value => Err(syntax("a parameter without `=`")),
        Some(parameter) => Ok(parameter),
        None if name.is_empty() => Err(syntax("a parameter without a name")),
        None if name.contains('%') => Err(syntax("an escape in a parameter's name")),
        None => Err(TokenError::UnknownParameter),
    }
}

/// How long the value at the start of `text` is; it ends at `&` or with the text.
///
/// Checks how it is written. Session tokens are opaque, so what their escapes mean is checked here too: visible ASCII, for
/// nothing in one may end a line or a header in any program behind this one. Every other value has a check of its own.
fn check_value(text: &[u8], parameter: Parameter) -> Result<usize, TokenError> {
    let mut rest = text;
    loop {
        // Values are long runs of unreserved bytes; a block at a time costs one branch a block instead of one a byte.
        while let Some((block, tail)) = rest.split_first_chunk::<8>()
            && block.iter().fold(true, |all, byte| all & is_unreserved(*byte))
        {
            rest = tail;
        }
        let run = rest.iter().position(|byte| !is_unreserved(*byte)).unwrap_or(rest.len());
        let stop = rest.get(run..).unwrap_or_default();
        rest = match stop {
            [] | [b'&', ..] => return Ok(text.len() - stop.len()),
            [b'%', high, low, tail @ ..] => {
                let (Some(high), Some(low)) = (hex(*high), hex(*low)) else {
                    return Err(syntax("an escape that is not hexadecimal"));
                };
                match high << 4 | low {
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
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}
