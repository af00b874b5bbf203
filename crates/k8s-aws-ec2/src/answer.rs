//! The HTTP response around EC2's documents.

use crate::document::{self, Page, PageReader};
use crate::xml::Problem;
use crate::{Ec2Error, InstanceId, MAX_ANSWER_LEN, code};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};
use std::sync::Arc;

/// The longest error document that is looked at; EC2's have some hundred bytes. Of a longer one the status counts alone.
const MAX_ERROR_LEN: usize = 64 * 1024;

/// The reading of one answer, in pieces.
pub(crate) struct Body {
    status: u16,
    len: usize,
    kind: Kind,
}

enum Kind {
    /// A page, or what was found to be none before it was over.
    Page(Result<Box<PageReader>, Problem>),
    /// An error in XML.
    Error(Vec<u8>),
    /// An error in no form that EC2 has.
    Unreadable,
}

impl Body {
    /// The body behind this head; of its instances those with one of `ids`, which are sorted.
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap, ids: &Arc<[InstanceId]>) -> Self {
        let status = status.as_u16();
        let kind = match (status, is_plain_xml(headers)) {
            (200, true) => Kind::Page(Ok(Box::new(PageReader::new(ids.clone())))),
            (200, false) => Kind::Page(Err("not of one content type text/xml in UTF-8")),
            (_, true) => Kind::Error(Vec::new()),
            (_, false) => Kind::Unreadable,
        };
        Self { status, len: 0, kind }
    }

    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), Ec2Error> {
        self.len = self.len.saturating_add(piece.len());
        if self.len > MAX_ANSWER_LEN {
            return Err(Ec2Error::AnswerTooLong);
        }
        match &mut self.kind {
            Kind::Page(Ok(reader)) => {
                if let Err(problem) = reader.push(piece) {
                    self.kind = Kind::Page(Err(problem));
                }
            }
            Kind::Error(document) if document.len() + piece.len() <= MAX_ERROR_LEN => {
                document.extend_from_slice(piece);
            }
            Kind::Error(_) => self.kind = Kind::Unreadable,
            Kind::Page(Err(_)) | Kind::Unreadable => {}
        }
        // The rest of what is no page need not be waited for.
        match &self.kind {
            Kind::Page(Err(problem)) => Err(Ec2Error::MalformedAnswer { status: self.status, problem }),
            _ => Ok(()),
        }
    }

    pub(crate) fn end(self) -> Result<Page, Ec2Error> {
        let Self { status, kind, .. } = self;
        let malformed = |problem| Ec2Error::MalformedAnswer { status, problem };
        match kind {
            Kind::Page(reader) => reader.and_then(|reader| reader.end()).map_err(malformed),
            Kind::Error(document) => Err(code::classify(status, document::error_code(&document).as_deref())),
            Kind::Unreadable => Err(code::classify(status, None)),
        }
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }
}

/// `text/xml` or `application/xml`, in UTF-8, and not compressed: nobody asked for that.
fn is_plain_xml(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
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
    is_xml && is_utf8 && !headers.contains_key(CONTENT_ENCODING)
}
