//! The HTTP response around EC2's documents.

use crate::document::{self, Page};
use crate::{Ec2Error, MAX_ANSWER_LEN, code};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

/// The page in an answer; of its instances those that `wanted` says.
pub(crate) fn read<B: AsRef<[u8]>>(
    answer: &http::Response<B>,
    wanted: impl Fn(&str) -> bool,
) -> Result<Page, Ec2Error> {
    let status = answer.status().as_u16();
    let body = answer.body().as_ref();
    if body.len() > MAX_ANSWER_LEN {
        return Err(Ec2Error::AnswerTooLong);
    }
    let plain = is_plain_xml(answer);
    if status != 200 {
        let code = if plain { document::error_code(body) } else { None };
        return Err(code::classify(status, code.as_deref()));
    }
    let malformed = |problem| Ec2Error::MalformedAnswer { status, problem };
    if !plain {
        return Err(malformed("not of one content type text/xml in UTF-8"));
    }
    document::page(body, wanted).map_err(malformed)
}

/// `text/xml` or `application/xml`, in UTF-8, and not compressed: nobody asked for that.
fn is_plain_xml<B>(answer: &http::Response<B>) -> bool {
    let mut types = answer.headers().get_all(CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else {
        return false;
    };
    let mut parts = content_type.to_str().unwrap_or_default().split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let is_xml = ["text/xml", "application/xml"].iter().any(|xml| media_type.eq_ignore_ascii_case(xml));
    let is_utf8 = parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    is_xml && is_utf8 && !answer.headers().contains_key(CONTENT_ENCODING)
}
