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
    /// Reads the query that starts at byte `start` of `url` and ends with it.
    pub(crate) fn parse(url: &str, start: usize) -> Result<Self, TokenError> {
        let mut query = Self::default();
        let mut at = start;
        for pair in url.get(start..).unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').ok_or(match pair {
                "" => syntax("an empty pair"),
                _ => syntax("a parameter without `=`"),
            })?;
            let parameter = Parameter::ALL.into_iter().find(|p| p.name() == name).ok_or(match name {
                "" => syntax("a parameter without a name"),
                _ if name.contains('%') => syntax("an escape in a parameter's name"),
                _ => TokenError::UnknownParameter,
            })?;
            check_value(value.as_bytes())?;
            let value_at = at + name.len() + 1;
            let slot = query.0.get_mut(parameter as usize).ok_or(TokenError::UnknownParameter)?;
            if slot.replace(value_at..value_at + value.len()).is_some() {
                return Err(TokenError::DuplicateParameter { name: parameter.name() });
            }
            at += pair.len() + 1;
        }
        Ok(query)
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
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn check_value(value: &[u8]) -> Result<(), TokenError> {
    let mut rest = value;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let Some((&[high, low], tail)) = rest.split_first_chunk() else {
                return Err(syntax("an escape that is cut off"));
            };
            let (Some(high), Some(low)) = (hex(high), hex(low)) else {
                return Err(syntax("an escape that is not hexadecimal"));
            };
            if is_unreserved(high << 4 | low) {
                return Err(syntax("an escape of a character that is written bare"));
            }
            rest = tail;
        } else if !is_unreserved(byte) {
            return Err(syntax("a bare character that is written as an escape"));
        }
    }
    Ok(())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}
