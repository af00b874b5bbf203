//! One entry of a list, read and checked.

use crate::{List, Reason, findings::Code, pattern::ArnPattern, sso::SsoRole, template::Template, tree::Span};
use k8s_aws_identity::{AccountId, Arn, Principal};
use std::sync::Arc;

/// Where an entry stands in its document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The list.
    pub list: List,
    /// The index in the list, from 0, counting entries that are ignored.
    pub index: u32,
    /// Where in the text; none for objects that came from the API server.
    pub span: Option<Span>,
    /// The name of the `IAMIdentityMapping` object.
    pub object: Option<Arc<str>>,
}

/// A rule: whom it matches, and which names they get.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rule {
    /// Where it stands.
    pub place: Place,
    /// Whom it matches.
    pub subject: Subject,
    /// The unique id of the principal, where given.
    pub user_id: Option<Box<str>>,
    /// The names, or why the rule never matches.
    pub names: Result<Names, Reason>,
}

/// The names that a rule gives.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Names {
    /// The username.
    pub username: Template,
    /// The groups.
    pub groups: Box<[Template]>,
}

/// Whom a rule matches.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Subject {
    /// One principal.
    Arn(ExactArn),
    /// A permission set of IAM Identity Center.
    Sso(Box<SsoRole>),
    /// Every principal whose canonical ARN matches.
    Pattern(Box<ArnPattern>),
    /// Whoever has the rule's user id.
    UserIdOnly,
    /// Nobody: with strict user ids, a rule whose ARN is none.
    Nobody {
        /// What stands in place of an ARN.
        text: Box<str>,
    },
}

/// The ARN of an exact rule.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ExactArn {
    /// The ARN as it was written.
    pub text: Arc<str>,
    /// What a caller's canonical ARN in lower case must be.
    pub(crate) key: Arc<str>,
    /// A role with a path, which callers' ARNs do not have.
    pub(crate) has_path: bool,
}

impl ExactArn {
    /// Reads a rule's ARN in any letter case. The ARN of a role session is that of the role where `canonicalise` says
    /// so, and of nobody otherwise.
    pub(crate) fn parse(text: &str, canonicalise: bool) -> Result<(Self, Arn), k8s_aws_identity::IdentityError> {
        let lower = text.to_ascii_lowercase();
        let arn = Arn::parse(&lower)?;
        let has_path = matches!(&arn.principal, Principal::Role { path, .. } if &**path != "/");
        // There is one text per ARN, so most are their own key.
        let key: Arc<str> = match (&arn.principal, canonicalise) {
            (Principal::AssumedRole { .. }, true) => arn.canonical().to_string().into(),
            _ if has_path => arn.without_role_path().to_string().into(),
            _ => lower.into(),
        };
        // One and the same text where it is written as callers' ARNs are, which most are.
        let text = if *key == *text { key.clone() } else { text.into() };
        Ok((Self { text, key, has_path }, arn))
    }

    /// The ARN taken apart, in lower case.
    pub fn arn(&self) -> Option<Arn> {
        Arn::parse(&self.text.to_ascii_lowercase()).ok()
    }
}

/// An account whose callers are mapped without a rule.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AccountRule {
    /// Where it stands.
    pub place: Place,
    /// The account.
    pub account: AccountId,
}

/// An entry that is ignored, kept so that it can be told why somebody cannot log in.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LostEntry {
    /// Where it stands.
    pub place: Place,
    /// Why it is ignored.
    pub code: Code,
    /// The key of the list, where that is why.
    pub list_key: Option<Box<str>>,
    /// The texts in it that could be ARNs.
    pub(crate) texts: Box<[Box<str>]>,
}
