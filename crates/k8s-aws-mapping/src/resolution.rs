//! What resolving gives.

use crate::index::RuleId;
use crate::resolve::{definite_only, render};
use crate::rule::Place;
use crate::template::Values;
use crate::{BackendMode, Document, List, Reason, Snapshot, tree::Position};
use k8s_aws_identity::{AccessKeyId, AccountId, InstanceId};
use serde::Serialize;
use std::fmt;

/// What [`Snapshot::resolve`] found out.
///
/// Exhaustive on purpose: who does not know every case cannot decide about a login.
#[derive(Debug)]
pub enum Resolution {
    /// The caller is this user.
    Mapped(MappedUser),
    /// The rule for this caller asks for the instance's private DNS name first.
    Needs(InstanceLookup),
    /// The caller is nobody here, and that is definite: the API server may cache it.
    NotMapped(Refusal),
    /// Nothing definite can be said now; asking again may help, and the API server must not cache it.
    Unavailable(Refusal),
}

/// A user as Kubernetes is to see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MappedUser {
    /// The username, never empty.
    pub username: String,
    /// The groups, in the order of the rule.
    pub groups: Vec<String>,
    /// The rule that says so.
    pub rule: RuleRef,
}

/// How a rule found its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MatchKind {
    /// By its ARN.
    Arn,
    /// By its user id.
    UserId,
    /// As a role of a permission set.
    Sso,
    /// By a pattern.
    Pattern,
    /// By its account.
    Account,
}

/// Which entry of which list a result comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct RuleRef {
    /// The backend.
    pub backend: BackendMode,
    /// The list.
    pub list: List,
    /// The index in the list, from 0.
    pub index: u32,
    /// Where it stands in the text, if it stands in one.
    pub position: Option<Position>,
    /// The name of the `IAMIdentityMapping` object.
    pub object: Option<Box<str>>,
    /// How it matched.
    pub matched_by: MatchKind,
}

impl RuleRef {
    pub(crate) fn new(backend: BackendMode, place: &Place, matched_by: MatchKind) -> Self {
        Self {
            backend,
            list: place.list,
            index: place.index,
            position: place.span.map(|s| s.start),
            object: place.object.as_deref().map(Into::into),
            matched_by,
        }
    }
}

/// `EKSConfigMap mapRoles[3], line 12`
impl fmt::Display for RuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.backend, self.list)?;
        match &self.object {
            Some(object) => write!(f, " `{object}`")?,
            None => write!(f, "[{}]", self.index)?,
        }
        match self.position {
            Some(at) => write!(f, ", line {}", at.line),
            None => Ok(()),
        }
    }
}

/// Why there is no user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// The rule at fault, or the rule that would have matched.
    pub rule: Option<RuleRef>,
    /// The name that was refused.
    pub name: Option<String>,
    /// The reserved prefix that it begins with.
    pub reserved_prefix: Option<String>,
    /// The backends that have not told their mappings.
    pub not_synced: Vec<BackendMode>,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, rule: Option<RuleRef>) -> Self {
        Self { reason, rule, name: None, reserved_prefix: None, not_synced: Vec::new() }
    }

    pub(crate) fn of_name(reason: Reason, rule: &RuleRef, name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::new(reason, Some(rule.clone())) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.explanation())?;
        if let Some(rule) = &self.rule {
            write!(f, " ({rule})")?;
        }
        if let Some(prefix) = &self.reserved_prefix {
            write!(f, "; the prefix is {}", crate::findings::quoted(prefix))?;
        }
        if !self.not_synced.is_empty() {
            let names: Vec<_> = self.not_synced.iter().map(|m| m.as_str()).collect();
            write!(f, "; not read yet: {}", names.join(", "))?;
        }
        Ok(())
    }
}

/// A resolution that waits for the private DNS name of an instance. It owns what is needed to go on.
#[derive(Debug)]
pub struct InstanceLookup {
    pub(crate) instance_id: InstanceId,
    pub(crate) pending: Pending,
}

impl InstanceLookup {
    /// The instance to look up.
    pub fn instance_id(&self) -> &InstanceId {
        &self.instance_id
    }

    /// The caller's account. An instance of another account is not the caller, whatever its id.
    pub fn account(&self) -> AccountId {
        self.pending.account
    }

    /// Goes on with what EC2 answered: never [`Resolution::Needs`] again.
    ///
    /// An empty name (EC2 tells it late for a new instance) and what is no DNS name give [`Resolution::Unavailable`].
    pub fn resume(self, private_dns_name: &str) -> Resolution {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        let reason = match private_dns_name {
            "" => Reason::DnsNameEmpty,
            name if name.len() > MAX_DNS_NAME_LEN || !name.bytes().all(valid) => Reason::DnsNameMalformed,
            _ => return self.pending.finish(private_dns_name),
        };
        Resolution::Unavailable(Refusal::new(reason, Some(self.pending.rule)))
    }

    /// The rule that asks for the lookup.
    pub fn rule(&self) -> &RuleRef {
        &self.pending.rule
    }
}

/// RFC 1035, section 2.3.4, in its usual spelling without the last dot.
const MAX_DNS_NAME_LEN: usize = 253;

/// What is left to do when the DNS name is known.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) document: Document,
    pub(crate) id: RuleId,
    pub(crate) rule: RuleRef,
    pub(crate) snapshot: Snapshot,
    pub(crate) account: AccountId,
    pub(crate) session_name: Box<str>,
    pub(crate) access_key_id: AccessKeyId,
    pub(crate) not_synced: Vec<BackendMode>,
}

impl Pending {
    fn finish(self, private_dns_name: &str) -> Resolution {
        let Some(Ok(names)) = self.document.rule(self.id).map(|r| &r.names) else {
            return Resolution::NotMapped(Refusal::new(Reason::NotMapped, Some(self.rule)));
        };
        let values = Values {
            account: self.account,
            session_name: &self.session_name,
            access_key_id: self.access_key_id.as_str(),
            private_dns_name,
        };
        definite_only(render(names, &values, self.rule, &self.snapshot.inner.options.reserved), self.not_synced)
    }
}
