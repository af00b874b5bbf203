//! The header `Authorization` (RFC 9110, section 11.6.2; RFC 6750, section 2.1).

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// What a request has to show.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown<'a> {
    /// A bearer token, whatever it is worth.
    Bearer(&'a str),
    /// Nothing, or credentials of another scheme.
    Nothing,
    /// What no client of good faith sends; why, as a stable code.
    Malformed(&'static str),
}

/// Looks for a bearer token.
///
/// Several headers are malformed even where they are the same: whoever is in front may have looked at another one of them.
pub(super) fn shown(headers: &HeaderMap) -> Shown<'_> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Shown::Nothing,
        (Some(_), Some(_)) => return Shown::Malformed("authorization_twice"),
        (Some(value), None) => value,
    };
    let Ok(text) = value.to_str() else {
        return Shown::Malformed("authorization_malformed");
    };
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    let token = token.trim_start_matches(' ');
    match scheme {
        "" => Shown::Malformed("authorization_malformed"),
        scheme if !scheme.eq_ignore_ascii_case("bearer") => Shown::Nothing,
        _ if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic() && b != b',') => {
            Shown::Malformed("authorization_malformed")
        }
        _ => Shown::Bearer(token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let value = |value: &&[u8]| (AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        values.iter().map(value).collect()
    }

    #[test]
    fn a_bearer_token_is_found_whatever_the_case_of_its_scheme() {
        for value in ["Bearer k8s-aws-v1.abc", "bearer k8s-aws-v1.abc", "BEARER   k8s-aws-v1.abc"] {
            assert_eq!(shown(&headers(&[value.as_bytes()])), Shown::Bearer("k8s-aws-v1.abc"), "{value}");
        }
        assert_eq!(shown(&headers(&[b"Bearer anything"])), Shown::Bearer("anything"));
    }

    #[test]
    fn no_header_and_other_schemes_are_nothing() {
        assert_eq!(shown(&HeaderMap::new()), Shown::Nothing);
        for value in ["Basic dXNlcjpwYXNz", "Bearerk8s-aws-v1.abc", "Negotiate", "Digest a=b, c=d"] {
            assert_eq!(shown(&headers(&[value.as_bytes()])), Shown::Nothing, "{value}");
        }
    }

    #[test]
    fn what_is_no_header_of_one_token_is_malformed() {
        let malformed = Shown::Malformed("authorization_malformed");
        let values: [&[u8]; 9] = [
            b"",
            b" ",
            b"Bearer",
            b"Bearer ",
            b" Bearer x",
            b"Bearer a b",
            b"Bearer a,Bearer b",
            b"Bearer a\tb",
            b"Bearer \xc3\xa9",
        ];
        for value in values {
            assert_eq!(shown(&headers(&[value])), malformed, "{value:?}");
        }
        for pair in [[&b"Bearer a"[..], b"Bearer a"], [b"Basic a", b"Bearer b"], [b"", b"Bearer b"]] {
            assert_eq!(shown(&headers(&pair)), Shown::Malformed("authorization_twice"), "{pair:?}");
        }
    }
}
