use serde::de::MapAccess;

use crate::strict::{Member, Members, read};
use crate::{Document, TokenReviewError};

/// The part of a Kubernetes object that a reader of it wants: `spec` where it asks, `status` where it answers.
pub(crate) trait Body: Members {
    /// The member that it is in.
    const IN: &'static str;
}

/// Reads a Kubernetes object, checks its `kind`, and gives its `apiVersion` and the wanted part, if that is there.
pub(crate) fn read_object<B: Body>(document: Document, bytes: &[u8]) -> Result<(String, Option<B>), TokenReviewError> {
    let Envelope { kind, api_version, body } = read(document, bytes)?;
    let kind = kind.ok_or(TokenReviewError::MissingField { document, field: "kind" })?;
    if kind != document.kind() {
        return Err(TokenReviewError::UnsupportedKind { document });
    }
    let api_version = api_version.ok_or(TokenReviewError::MissingField { document, field: "apiVersion" })?;
    Ok((api_version, body))
}

struct Envelope<B> {
    kind: Option<String>,
    api_version: Option<String>,
    body: Option<B>,
}

impl<B> Default for Envelope<B> {
    fn default() -> Self {
        Self { kind: None, api_version: None, body: None }
    }
}

impl<B: Body> Members for Envelope<B> {
    const NAMES: &'static [(&'static str, &'static str)] = &[
        ("kind", "kind"),
        ("apiVersion", "apiVersion"),
        ("metadata", "metadata"),
        ("spec", "spec"),
        ("status", "status"),
    ];

    fn member<'de, A: MapAccess<'de>>(&mut self, name: &'static str, member: Member<'_, A>) -> Result<(), A::Error> {
        match name {
            "kind" => self.kind = member.string()?,
            "apiVersion" => self.api_version = member.string()?,
            name if name == B::IN => self.body = member.object()?,
            _ => member.ignore()?,
        }
        Ok(())
    }
}
